package executor

import "testing"

// TestFixedParameter: what is decided once says how to have it otherwise.
func TestFixedParameter(t *testing.T) {
	w := newWorld(t)
	w.want("CREATE TABLE t (id int4 PRIMARY KEY)", "")
	w.want("ALTER TABLE t SET (shards = 3)", `
55P02: parameter "shards" cannot be changed after the table is created
HINT: Create a new table with the value that is wanted, and copy the rows: CREATE TABLE … (…) WITH (shards = …), then INSERT INTO … SELECT ….`)
}
