// Package pgtest runs wire scripts: messages as JSON, sent to PostgreSQL 15
// and to Quiver, and the replies of both compared with those in the file.
//
// A script is a list of commands, separated by empty lines; # starts a comment.
//
//	send
//	Parse {"Name": "s", "Query": "SELECT $1::int"}
//	Bind {"PreparedStatement": "s", "Parameters": [{"text": "7"}]}
//	Execute
//	Sync
//
//	until
//	ReadyForQuery
//	----
//	{"Type":"ParseComplete"}
//	…
//
// The fields are those of pgx's pgproto3 structs. "until A B" reads until the
// last of the named messages has come. "until ignore=RowDescription" leaves
// messages of that type out. "until redact" leaves out what servers may differ
// in: the OIDs of tables and, of an error that comes from outside, its context
// (an error's file, line and routine are left out always). "reconnect" opens
// a new connection; "raw" sends hexadecimal bytes; "closed" expects the server
// to have closed the connection. "connection NAME" goes on with a connection of
// that name, opening it the first time; "cancel" sends a CancelRequest for the
// present one, and returns once the server has taken it.
//
// go test ./test/pgtest -rewrite fills in replies from PostgreSQL.
package pgtest
