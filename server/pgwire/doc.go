// Package pgwire speaks version 3 of the Postgres wire protocol to one client:
// framing and decoding of messages, the message loop, encoding of results.
//
// # Life of a connection
//
// Accept reads the startup messages and answers SSLRequest and GSSENCRequest
// with N. The server authenticates (SASL… on the Conn), sends ParameterStatus
// and BackendKeyData, and calls Serve, which reads messages and calls the
// session's Handler until the client is gone. After an error in the extended
// protocol Serve skips messages until Sync, so a Handler never sees them.
//
// # Memory and back-pressure
//
// A message is read as its bytes arrive: a length alone reserves nothing. What
// a Handler is given (texts apart, which are copies) lies in the reader's
// buffer until it returns. Results are encoded straight from Arrow arrays into
// one output buffer, written to the socket when it is full, at Flush and at
// Sync; a client that does not read stops the writer, and with it the query.
//
// # Malformed input
//
// A message whose length is fine and whose content is not gets 08P01 and the
// connection goes on at the next Sync. Where the framing itself cannot be
// trusted any more (an unknown type, an impossible length) the client is told
// 08P01 and the connection ends. A Conn belongs to one goroutine; only
// Close may be called from another.
//
// pgwire is the only importer of pgproto3. It imports sql/types and sql/sqlerr.
//
// Start reading at conn.go, then serve.go and rows.go.
package pgwire
