package limits

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// mappedBytes is how much of the files below a directory a process has mapped, and how
// much of that is in its resident memory.
func mappedBytes(pid int, dir string) (mapped, resident int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	inside := false
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		words := strings.Fields(sc.Text())
		if !strings.HasSuffix(words[0], ":") { // the first line of a mapping, which ends with its file
			inside = strings.HasPrefix(words[len(words)-1], dir)
			continue
		}
		if !inside || words[0] != "Size:" && words[0] != "Rss:" {
			continue
		}
		kb, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if words[0] == "Size:" {
			mapped += kb << 10
		} else {
			resident += kb << 10
		}
	}
	return mapped, resident, sc.Err()
}

// TestMappedTable scans a table through mappings with little memory for them: no more
// than 30% of it is ever in the resident memory of the server, although a scan of the
// vectors and an exact search have read each byte of them.
func TestMappedTable(t *testing.T) {
	const rows, dimensions = 50_000, 1000
	q := servers.StartQuiver(t, "", "--segment-max-size", "16MB", "--mmap-budget", "32MB", "--memory-budget", "256MB")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, sql := range []string{
		"CREATE TABLE t (id int PRIMARY KEY, v vector(1000))",
		fmt.Sprintf("INSERT INTO t SELECT g, array_fill(g::real, ARRAY[1000])::vector FROM generate_series(1, %d) g", rows),
		"CHECKPOINT",
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var table int64
	if err := c.QueryRow(ctx, "SELECT sum(bytes_stored)::bigint FROM quiver.segments WHERE table_name = 't'").Scan(&table); err != nil {
		t.Fatal(err)
	}
	if table < rows*dimensions*4 {
		t.Fatalf("the table has %d bytes, less than its vectors", table)
	}
	objects, err := filepath.EvalSymlinks(q.Data)
	if err != nil {
		t.Fatal(err)
	}
	objects = filepath.Join(objects, "objects")

	for _, statement := range []struct {
		sql  string
		want float64
	}{
		{"SELECT sum(l1_distance(v, array_fill(0::real, ARRAY[1000])::vector)) FROM t", dimensions * rows * (rows + 1) / 2},
		{"SELECT sum(id) FROM (SELECT id FROM t ORDER BY v <-> array_fill(7::real, ARRAY[1000])::vector LIMIT 3) AS n", 6 + 7 + 8},
	} {
		done := make(chan error, 1)
		var got float64
		go func() { done <- c.QueryRow(ctx, statement.sql).Scan(&got) }()
		var peakMapped, peak int64
		running := true
		for running {
			select {
			case err := <-done:
				if err != nil {
					t.Fatalf("%s: %v", statement.sql, err)
				}
				running = false
			case <-time.After(10 * time.Millisecond):
			}
			mapped, resident, err := mappedBytes(q.PID(), objects)
			if err != nil {
				t.Fatal(err)
			}
			peakMapped, peak = max(peakMapped, mapped), max(peak, resident)
		}
		if got != statement.want {
			t.Errorf("%s: %v, not %v", statement.sql, got, statement.want)
		}
		t.Logf("of %.0f MB %.0f MB were mapped and %.1f%% resident at the most: %s", float64(table)/1e6, float64(peakMapped)/1e6, 100*float64(peak)/float64(table), statement.sql)
		if peakMapped < table/2 {
			t.Errorf("%d bytes of %d were mapped: the statement went another way", peakMapped, table)
		}
		if peak*10 > table*3 {
			t.Errorf("%d bytes of %d were resident, more than 30%%", peak, table)
		}
	}
}
