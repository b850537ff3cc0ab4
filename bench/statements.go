package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const window = 2 * time.Second

// rate runs step on n connections for a while and returns its calls a second.
// prepare runs once a connection.
func (b *bench) rate(dsn string, n int, prepare func(c *pgconn.PgConn) error, step func(c *pgconn.PgConn, worker, i int) error) (float64, error) {
	conns := make([]*pgconn.PgConn, n)
	for i := range conns {
		c, err := b.connect(dsn)
		if err != nil {
			return 0, err
		}
		defer c.Close(b.ctx)
		if err := prepare(c); err != nil {
			return 0, err
		}
		conns[i] = c
	}
	var calls atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, n)
	start := time.Now()
	for w, c := range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; time.Since(start) < window; i++ {
				if err := step(c, w, i); err != nil {
					errs <- err
					return
				}
				calls.Add(1)
			}
		}()
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(calls.Load()) / took.Seconds(), nil
	}
}

// both measures the same on PostgreSQL and on Quiver.
func (b *bench) both(n int, prepare func(c *pgconn.PgConn) error, step func(c *pgconn.PgConn, worker, i int) error) (p, q float64, err error) {
	return b.inTurn(
		func() (float64, error) { return b.rate(b.postgres, n, prepare, step) },
		func() (float64, error) { return b.rate(b.quiver.DSN(), n, prepare, step) })
}

// selectOne is SELECT 1, prepared, by the extended protocol.
func (b *bench) selectOne() error {
	for _, n := range []int{1, 8} {
		p, q, err := b.both(n,
			func(c *pgconn.PgConn) error {
				_, err := c.Prepare(b.ctx, "one", "SELECT 1", nil)
				return err
			},
			func(c *pgconn.PgConn, _, _ int) error {
				return c.ExecPrepared(b.ctx, "one", nil, nil, []int16{1}).Read().Err
			})
		if err != nil {
			return err
		}
		b.add(figure{what: fmt.Sprintf("SELECT 1, prepared, %d connection(s)", n), quiver: q, peer: p, unit: "per second", peerIs: "PostgreSQL", atLeast: 0.8})
	}
	return nil
}

// insertMany is INSERT of 1,000 rows × 100-d a statement.
func (b *bench) insertMany() error {
	const rows = 1000
	var next atomic.Int32
	type form struct {
		name string
		run  func(c *pgconn.PgConn, open, shut string) error
	}
	forms := []form{
		{"as text", func(c *pgconn.PgConn, open, shut string) error {
			var s strings.Builder
			s.WriteString("INSERT INTO many VALUES ")
			for i := range rows {
				if i > 0 {
					s.WriteByte(',')
				}
				fmt.Fprintf(&s, "(%d,'%s%s%s')", next.Add(1), open, b.words.rows[i].floats, shut)
			}
			return b.exec(c, s.String())
		}},
		{"by parameters", func(c *pgconn.PgConn, open, shut string) error {
			args := make([][]byte, 0, 2*rows)
			for i := range rows {
				args = append(args, fmt.Append(nil, next.Add(1)), []byte(open+b.words.rows[i].floats+shut))
			}
			return c.ExecPrepared(b.ctx, "many", args, nil, nil).Read().Err
		}},
	}
	for _, f := range forms {
		measure := func(dsn, vectorType, open, shut string) (float64, error) {
			statements, err := b.rate(dsn, 1, func(c *pgconn.PgConn) error {
				for _, sql := range []string{"DROP TABLE IF EXISTS many", "CREATE TABLE many (id int PRIMARY KEY, embedding " + vectorType + ")"} {
					if err := b.exec(c, sql); err != nil {
						return err
					}
				}
				var s strings.Builder
				s.WriteString("INSERT INTO many VALUES ")
				for i := range rows {
					if i > 0 {
						s.WriteByte(',')
					}
					fmt.Fprintf(&s, "($%d,$%d)", 2*i+1, 2*i+2)
				}
				_, err := c.Prepare(b.ctx, "many", s.String(), nil)
				return err
			}, func(c *pgconn.PgConn, _, _ int) error { return f.run(c, open, shut) })
			return statements * rows, err
		}
		p, q, err := b.inTurn(
			func() (float64, error) { return measure(b.postgres, "real[]", "{", "}") },
			func() (float64, error) { return measure(b.quiver.DSN(), "vector(100)", "[", "]") })
		if err != nil {
			return err
		}
		b.add(figure{what: "INSERT of 1,000 rows × 100-d a statement, " + f.name, quiver: q, peer: p, unit: "rows/s", peerIs: "PostgreSQL, real[]", atLeast: 1})
	}
	return nil
}

// commits is durable single-row INSERTs, each its own transaction.
func (b *bench) commits() error {
	for _, n := range []int{1, 16} {
		var next atomic.Int64
		measure := func(dsn string) (float64, error) {
			c, err := b.connect(dsn)
			if err != nil {
				return 0, err
			}
			defer c.Close(b.ctx)
			for _, sql := range []string{"DROP TABLE IF EXISTS one", "CREATE TABLE one (id bigint PRIMARY KEY, v text)"} {
				if err := b.exec(c, sql); err != nil {
					return 0, err
				}
			}
			return b.rate(dsn, n, func(c *pgconn.PgConn) error {
				_, err := c.Prepare(b.ctx, "ins", "INSERT INTO one VALUES ($1, $2)", nil)
				return err
			}, func(c *pgconn.PgConn, _, _ int) error {
				return c.ExecPrepared(b.ctx, "ins", [][]byte{fmt.Append(nil, next.Add(1)), []byte("value")}, nil, nil).Read().Err
			})
		}
		p, q, err := b.inTurn(
			func() (float64, error) { return measure(b.postgres) },
			func() (float64, error) { return measure(b.quiver.DSN()) })
		if err != nil {
			return err
		}
		b.add(figure{what: fmt.Sprintf("Durable single-row INSERT, %d connection(s)", n), quiver: q, peer: p, unit: "commits/s", peerIs: "PostgreSQL, fsync on", atLeast: 0.8})
	}
	return nil
}
