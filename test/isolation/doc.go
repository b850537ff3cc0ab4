// Package isolation runs scripts of several sessions against PostgreSQL 15 and
// against Quiver and compares both with the outcomes in the file: who waits
// for whom, who fails with what, who sees which rows.
//
// A script is a list of steps, separated by empty lines; # starts a comment.
//
//	step a          session a runs the statements below; it must not wait
//	wait a          … and must be found waiting
//	done a          a's waiting statement must have ended by now, or end soon
//	race a b        the statements of two waiting sessions end, one of them
//	                with an error: whichever it is (a deadlock's victim)
//
// The outcome stands below ----: a line a row, values separated by " | ", then
// the command tag, or "error SQLSTATE message".
//
// "Waiting" means: no answer within a moment. A correct server passes however
// slow the machine is; "soon" is half a minute.
//
// go test ./test/isolation -rewrite fills in outcomes from PostgreSQL.
package isolation
