package limits

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"quiver/test/servers"
)

// residentBytes is VmRSS less the file-backed pages: mapped segments are the
// kernel's to keep or drop.
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if v, ok := strings.CutPrefix(sc.Text(), "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no RssAnon in /proc/PID/status")
	return 0
}

// TestStalledClient asks for 5 GB and reads nothing for a while: the server
// must not gather what the client does not take. Reading on afterwards works.
func TestStalledClient(t *testing.T) {
	q := servers.StartQuiver(t, "")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	pc, err := pgconn.Connect(ctx, q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	h, err := pc.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Conn.Close()
	before := residentBytes(t, q.PID())
	h.Frontend.Send(&pgproto3.Query{String: "SELECT g, repeat('x', 1000000) FROM generate_series(1, 5000) AS g"})
	if err := h.Frontend.Flush(); err != nil {
		t.Fatal(err)
	}
	rows := 0
	read := func(until int) {
		for rows < until {
			m, err := h.Frontend.Receive()
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *pgproto3.DataRow:
				rows++
			case *pgproto3.ErrorResponse:
				t.Fatalf("%s: %s", m.Code, m.Message)
			}
		}
	}
	peak := int64(0)
	for _, until := range []int{1, 100, 500} {
		read(until)
		for range 5 {
			time.Sleep(200 * time.Millisecond)
			peak = max(peak, residentBytes(t, q.PID())-before)
		}
	}
	t.Logf("the server grew by %.1f MB while the client stalled", float64(peak)/1e6)
	if peak > 64<<20 {
		t.Errorf("the server grew by %d bytes for a client that stalls", peak)
	}
}

// lineReader yields rows of COPY text until it is told to stop or n are out.
type lineReader struct {
	n, at   int
	pad     string
	buf     []byte
	stopAt  int
	onStop  func()
	stopped bool
}

func (r *lineReader) Read(p []byte) (int, error) {
	for len(r.buf) == 0 {
		if r.at == r.n {
			return 0, io.EOF
		}
		if r.at == r.stopAt && !r.stopped {
			r.stopped = true
			r.onStop()
		}
		r.at++
		r.buf = fmt.Appendf(r.buf[:0], "%d\t%s%d\n", r.at, r.pad, r.at)
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// TestCopyLargerThanMemory loads 2 GB in one transaction with half a gigabyte
// of heap and as much off it: killed in the middle nothing of it is kept, and
// the second try finishes.
func TestCopyLargerThanMemory(t *testing.T) {
	const rowBytes = 8000
	rows := 2 << 30 / rowBytes
	q := servers.StartQuiver(t, "", "--memory-budget", "512MB")
	q.Kill()
	q.Env = []string{"GOMEMLIMIT=512MiB"}
	q.Start()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	connect := func() *pgx.Conn {
		t.Helper()
		c, err := pgx.Connect(ctx, q.DSN())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect()
	if _, err := c.Exec(ctx, "CREATE TABLE big (id int PRIMARY KEY, pad text)"); err != nil {
		t.Fatal(err)
	}
	load := func(c *pgx.Conn, stopAt int, onStop func()) error {
		// The pad differs from row to row, so that nothing compresses it away.
		_, err := c.PgConn().CopyFrom(ctx, &lineReader{n: rows, pad: strings.Repeat("0123456789abcdef", rowBytes/16), stopAt: stopAt, onStop: onStop},
			"COPY big FROM STDIN")
		return err
	}
	if err := load(c, rows/2, q.Kill); err == nil {
		t.Fatal("COPY ended well although the server was killed")
	}
	q.Start()
	c = connect()
	var n int
	if err := c.QueryRow(ctx, "SELECT count(*) FROM big").Scan(&n); err != nil || n != 0 {
		t.Fatalf("after the kill: %d rows, %v", n, err)
	}
	if err := load(c, -1, nil); err != nil {
		var pg *pgconn.PgError
		errors.As(err, &pg)
		t.Fatalf("second try: %v\n%s", err, q.Log())
	}
	var sum int64
	if err := c.QueryRow(ctx, "SELECT count(*), sum(id) FROM big WHERE pad LIKE '0123%'").Scan(&n, &sum); err != nil {
		t.Fatal(err)
	}
	if n != rows || sum != int64(rows)*int64(rows+1)/2 {
		t.Fatalf("%d rows with the sum %d, want %d", n, sum, rows)
	}
	q.Kill()
	q.Start()
	c = connect()
	if err := c.QueryRow(ctx, "SELECT count(*) FROM big").Scan(&n); err != nil || n != rows {
		t.Fatalf("after a restart: %d rows, %v", n, err)
	}
}
