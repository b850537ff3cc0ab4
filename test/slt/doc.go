// Package slt runs SQL files in the sqllogictest format against Quiver and,
// for files named pg_*.slt, against PostgreSQL 15 as well: the oracle. Files
// named pgvector_*.slt run against a PostgreSQL that has pgvector when
// QUIVER_ORACLE_PGVECTOR names one (a connection string).
//
// A file is a list of records, separated by empty lines; # starts a comment.
//
//	statement ok
//	CREATE TABLE t (id int)
//
//	statement count 2
//	INSERT INTO t VALUES (1), (2)
//
//	statement error pgcode 42P01 relation "u" does not exist
//	SELECT * FROM u
//
//	query rowsort
//	SELECT id, 'a' FROM t
//	----
//	1 | a
//	2 | a
//
// A row is a line, its values in text form separated by " | "; null is NULL,
// the empty string (empty), a newline in a value ⏎. "query rowsort" sorts the
// rows before they are compared. "connection NAME" before a record runs it on a session of its own. "skipif postgres" (or
// quiver) before a record leaves it out on that server, with the reason on the
// same line. The error text is a regular expression; its code is compared
// exactly.
//
// go test ./test/slt -rewrite fills in results: those of pg_ files from
// PostgreSQL, the others from Quiver, to be reviewed in the diff. -only PATTERN
// takes some files alone.
package slt
