// Package server listens for clients: it accepts connections, authenticates
// them, and gives each a session.Session over a pgwire.Conn and a goroutine of
// its own.
//
//	pgwire/      the wire: messages, startup, encoding of rows
//	session/     a client's session: from text to rows
//	copyformat/  the formats of COPY
//
// Without a password file every client of the loopback interface is trusted
// and nothing else is listened on; with one, SCRAM-SHA-256 is asked of all.
//
// A panic in a session is a bug: it is logged with its stack, the client is
// told XX000, and that connection alone is dropped.
//
// Start reading at server.go, then pgwire/serve.go and session/pipeline.go.
package server
