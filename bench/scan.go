package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/vector"
)

//go:embed peers/scan.c
var scanSource string

// cLoop builds the plain C loop for this machine and runs it on one core over
// vectors: rows scored a second.
func (b *bench) cLoop(vectors []float32, dim int) (func() (float64, error), error) {
	dir := b.life.TempDir()
	source, bin, data := filepath.Join(dir, "scan.c"), filepath.Join(dir, "scan"), filepath.Join(dir, "vectors")
	if err := os.WriteFile(source, []byte(scanSource), 0o644); err != nil {
		return nil, err
	}
	if out, err := exec.Command("gcc", "-O3", "-march=native", "-ffast-math", "-o", bin, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gcc: %v\n%s", err, out)
	}
	if err := os.WriteFile(data, vector.EncodeFloat32s(vectors), 0o644); err != nil {
		return nil, err
	}
	return func() (float64, error) {
		out, err := exec.Command(bin, data, strconv.Itoa(dim), "2").Output()
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	}, nil
}

// scan measures exact top-10 over the table that copy loaded, on one core,
// through the wire.
func (b *bench) scan() error {
	if _, err := b.copyInto(b.quiver.DSN(), "vector(100)", b.words.copyBinary(appendPgvector), " (FORMAT binary)"); err != nil {
		return err
	}
	flat := make([]float32, 0, len(b.words.rows)*dimensions)
	for _, w := range b.words.rows {
		flat = append(flat, w.vector...)
	}
	loop, err := b.cLoop(flat, dimensions)
	if err != nil {
		return err
	}
	c, err := b.connect(b.quiver.DSN())
	if err != nil {
		return err
	}
	defer c.Close(b.ctx)
	if err := b.exec(c, "SET max_parallel_workers_per_gather = 0"); err != nil {
		return err
	}
	if _, err := c.Prepare(b.ctx, "nearest", "SELECT id FROM words ORDER BY embedding <-> $1 LIMIT 10", nil); err != nil {
		return err
	}
	queries := func() (float64, error) {
		n := 0
		start := time.Now()
		for time.Since(start) < 2*time.Second {
			q := appendPgvector(nil, b.words.rows[n*7919%len(b.words.rows)].vector)
			r := c.ExecPrepared(b.ctx, "nearest", [][]byte{q}, []int16{1}, []int16{1}).Read()
			if err := tenRows(r); err != nil {
				return 0, err
			}
			n++
		}
		return float64(n) * float64(len(b.words.rows)) / time.Since(start).Seconds(), nil
	}
	for _, state := range []string{"growing segments", "flushed segments"} {
		if state == "flushed segments" {
			if err := b.exec(c, "CHECKPOINT"); err != nil {
				return err
			}
		}
		p, q, err := b.inTurn(loop, queries)
		if err != nil {
			return err
		}
		b.add(figure{what: "Exact top-10 over 200,000 × 100-d, one core, " + state, quiver: q, peer: p, unit: "rows/s", peerIs: "C loop, one core", atLeast: 0.6})
	}
	return nil
}

func tenRows(r *pgconn.Result) error {
	if r.Err != nil {
		return r.Err
	}
	if len(r.Rows) != 10 {
		return fmt.Errorf("%d rows, want 10", len(r.Rows))
	}
	return nil
}
