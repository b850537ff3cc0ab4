package server

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/storage/objstore"
	"quiver/test/servers"
)

// TestCopyObjects: COPY writes objects of a store and reads them back, several by a
// pattern.
func TestCopyObjects(t *testing.T) {
	m := servers.StartMinIO(t)
	for _, pair := range m.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://"+m.Addr)
	conn := connect(t, start(t, nil))
	makeBucket(t, m)
	mustExec(t, conn, "CREATE TABLE a (id int PRIMARY KEY, v vector(2))")
	mustExec(t, conn, "INSERT INTO a SELECT g, '[1,2]' FROM generate_series(1, 5000) g")
	mustExec(t, conn, "COPY (SELECT * FROM a WHERE id <= 2000) TO 's3://files/in/part-1.parquet'")
	mustExec(t, conn, "COPY (SELECT * FROM a WHERE id > 2000) TO 's3://files/in/part-2.parquet'")
	mustExec(t, conn, "COPY a TO 's3://files/other.csv.gz?endpoint="+m.Addr+"&secure=false' (FORMAT csv)")
	mustExec(t, conn, "CREATE TABLE b (id int PRIMARY KEY, v vector(2))")
	if tag := mustExec(t, conn, "COPY b FROM 's3://files/in/part-*.parquet'"); tag != "COPY 5000" {
		t.Error(tag)
	}
	mustExec(t, conn, "TRUNCATE b")
	if tag := mustExec(t, conn, "COPY b FROM 's3://files/other.csv.gz' (FORMAT csv)"); tag != "COPY 5000" {
		t.Error(tag)
	}
	copyRefused(t, conn, "COPY b FROM 's3://files/nothing.parquet'", "58P01")
	copyRefused(t, conn, "COPY b FROM 's3://files/in/none-*.parquet'", "58P01")
	copyRefused(t, conn, "COPY b FROM 's3://missing/in/part-1.parquet'", "58030")
	copyRefused(t, conn, "COPY b FROM 's3://files'", "42602")
}

func copyRefused(t *testing.T, conn *pgx.Conn, sql, want string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); code(err) != want {
		t.Errorf("%s: %v, want %s", sql, err, want)
	}
}

// makeBucket makes the bucket files, as opening it as a store does.
func makeBucket(t *testing.T, m *servers.S3) {
	t.Helper()
	s, err := objstore.NewS3(t.Context(), m.URL("files"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
