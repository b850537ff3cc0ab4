package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/storage"
	"quiver/test/cluster"
)

// workload is done in order, each statement in a transaction of its own: rows, a
// flush, an index, definitions, partitions, merges.
var workload = []string{
	"CREATE TABLE a (id int PRIMARY KEY, note text, v vector(4))",
	"INSERT INTO a SELECT g, 'note ' || g, ARRAY[g, g % 7, 1, 2]::vector FROM generate_series(1, 60) g",
	"CREATE TABLE b (id int, n int, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
	"CREATE PARTITION b1 ON b FOR VALUES FROM (0) TO (50)",
	"INSERT INTO b SELECT g, g * g FROM generate_series(1, 49) g",
	"CHECKPOINT",
	"DELETE FROM a WHERE id % 5 = 0",
	"UPDATE b SET n = -n WHERE id < 20",
	"CREATE INDEX a_near ON a USING hnsw (v vector_l2_ops)",
	"ALTER TABLE a ADD COLUMN extra int DEFAULT 7",
	"BEGIN; CREATE TABLE c (id int PRIMARY KEY); INSERT INTO c SELECT generate_series(1, 30); UPDATE a SET extra = 8 WHERE id = 1; COMMIT",
	"CHECKPOINT",
	"INSERT INTO a (id, note, v) VALUES (101, 'late', '[9,9,9,9]') ON CONFLICT (id) DO NOTHING",
	"VACUUM FULL a",
	"DROP TABLE c",
	"CREATE ALIAS d FOR a",
	"VACUUM FULL b",
	"DELETE FROM b WHERE id > 40",
	"DROP PARTITION b1 ON b",
	"CHECKPOINT",
}

// contents are queries of all that there is; of a relation that is not there, the
// answer is the error's code.
var contents = []string{
	"SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
	"SELECT * FROM a ORDER BY id",
	"SELECT * FROM b ORDER BY id",
	"SELECT * FROM c ORDER BY id",
	"SELECT count(*) FROM d",
	"SELECT id FROM a ORDER BY v <-> '[9,9,9,9]' LIMIT 3",
}

// world is a cluster and a client of it.
type world struct {
	*cluster.Cluster
	ctx  context.Context
	conn *pgconn.PgConn
}

func newWorld(ctx context.Context, dir string) *world {
	return &world{ctx: ctx, Cluster: cluster.New(cluster.Options{
		Engine:  storage.Options{Manual: true, Retention: 1, GrowingIndexRows: 20},
		TempDir: dir, LogFileBytes: 32 << 10,
	})}
}

// start starts the cluster and connects.
func (w *world) start() (err error) {
	if err := w.Start(); err != nil {
		return err
	}
	w.conn, err = w.Connect(w.ctx, "postgres")
	return err
}

func (w *world) disconnect() {
	if w.conn != nil {
		gone, cancel := context.WithCancel(w.ctx)
		cancel()
		_ = w.conn.Close(gone)
		w.conn = nil
	}
}

func (w *world) exec(sql string) error {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	_, err := w.conn.Exec(ctx, sql).ReadAll()
	return err
}

// contents is all there is, as text.
func (w *world) contents() string {
	var b strings.Builder
	for _, sql := range contents {
		results, err := w.conn.Exec(w.ctx, sql).ReadAll()
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", sql, err)
			continue
		}
		for _, row := range results[0].Rows {
			fmt.Fprintf(&b, "%s\n", slices.Concat(row...))
		}
		b.WriteString("--\n")
	}
	return b.String()
}

// findings are what the check of all objects finds, but orphans, which a restart
// removes in time.
func (w *world) findings() (list []string, err error) {
	results, err := w.conn.Exec(w.ctx, "SELECT object FROM quiver.check() WHERE kind <> 'orphan' ORDER BY 1").ReadAll()
	if err != nil {
		return nil, err
	}
	for _, row := range results[0].Rows {
		list = append(list, string(row[0]))
	}
	return list, nil
}
