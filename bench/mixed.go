package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"quiver/bench/dataset"
)

// The mixed load: rows come at a steady rate in small batches beside searches, for
// so long that the growing segment gets several hundred thousand and is flushed,
// and its index built, half way.
const (
	insertsPerSecond = 5000
	insertBatch      = 100
	mixedWindow      = 10 * time.Second
	mixedWindows     = 6
)

// mixed is searching while rows pour in.
func (b *bench) mixed() error {
	if err := b.wordVectors(); err != nil {
		return err
	}
	dsn, rows := b.quiver.DSN(), b.set.Len()
	set := b.set.WithMore(insertsPerSecond * (mixedWindows + 2) * int(mixedWindow/time.Second))
	if err := b.createVectors(dsn, "mixed", set.Dim); err != nil {
		return err
	}
	if _, err := b.copyVectors(dsn, "mixed", set.CopyBinary(0, rows, 0)); err != nil {
		return err
	}
	if err := b.run(dsn, "CHECKPOINT", sameIndexSQL("mixed_hnsw", "mixed")); err != nil {
		return err
	}
	w, err := b.newWire("Quiver", dsn, "SELECT id FROM mixed ORDER BY embedding <=> $1 LIMIT 10", set)
	if err != nil {
		return err
	}
	defer w.close()
	quiet, err := w.rate(maxClients, mixedWindow)
	if err != nil {
		return err
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	in := &steadyInsert{b: b, dsn: dsn, table: "mixed", set: set, next: rows}
	go func() { stopped <- in.run(stop) }()
	wait := b.profiled("mixed", mixedWindows*mixedWindow)
	busy, err := b.mixedWindows(dsn, w)
	wait()
	close(stop)
	if insertErr := <-stopped; insertErr != nil {
		return insertErr
	}
	if err != nil {
		return err
	}
	var mean float64
	for _, rate := range busy {
		mean += rate / float64(len(busy))
	}
	is := "the same without inserts"
	b.add(figure{what: fmt.Sprintf("Searches by 8 clients beside %d rows/s inserted (%.0f came), 60 s, a flush half way", insertsPerSecond, in.perSecond),
		quiver: mean, peer: quiet, unit: "QPS", peerIs: is, atLeast: 0.5})
	b.add(figure{what: "The worst 10 s of it", quiver: slices.Min(busy), peer: quiet, unit: "QPS", peerIs: is, atLeast: 0.5})
	now := set.First(rows + int(in.done.Load()))
	truth := now.Exact(filterQueries, neighbors, nil)
	r, err := recallOf(w, now, truth, filterQueries, nil)
	if err != nil {
		return err
	}
	b.add(figure{what: "Recall right after the inserts", quiver: r, unit: "recall@10", least: 0.95})
	b.add(figure{what: "Rows whose own search, next after the commit, missed them", quiver: float64(in.missed), unit: fmt.Sprintf("of %d", in.asked), never: true})
	// The table has nearly doubled: what a search costs without inserts, too.
	if err := b.run(dsn, "CHECKPOINT"); err != nil {
		return err
	}
	if err := b.untilBuilt(dsn, "mixed"); err != nil {
		return err
	}
	after, err := w.rate(maxClients, mixedWindow)
	if err != nil {
		return err
	}
	b.add(figure{what: "The 60 s beside the mean of searches before them and afterwards, all rows indexed",
		quiver: mean, peer: (quiet + after) / 2, unit: "QPS", peerIs: "no inserts, before and after", atLeast: 0.5})
	b.add(figure{what: "The mean of the last 20 s, beside searches afterwards, all rows indexed",
		quiver: (busy[mixedWindows-2] + busy[mixedWindows-1]) / 2, peer: after, unit: "QPS", peerIs: "no inserts, afterwards", atLeast: 0.5})
	return b.run(dsn, "DROP TABLE mixed")
}

// untilBuilt waits until each segment of a table has the index that it was asked for,
// in place of what it grew with.
func (b *bench) untilBuilt(dsn, table string) error {
	for start := time.Now(); ; time.Sleep(time.Second) {
		left, err := b.askNumber(dsn, "SELECT count(*) FROM quiver.segments WHERE table_name = '"+table+"' AND state <> 'growing' AND index_state <> 'built'")
		if err != nil || left == 0 {
			return err
		}
		if time.Since(start) > 10*time.Minute {
			return fmt.Errorf("after 10 minutes %.0f segments have no index of their own", left)
		}
	}
}

// mixedWindows are the rates of the windows one after the other; in the middle
// there is a flush.
func (b *bench) mixedWindows(dsn string, w *wire) (rates []float64, err error) {
	flushed := make(chan error, 1)
	for n := range mixedWindows {
		if n == mixedWindows/2 {
			go func() { flushed <- b.run(dsn, "CHECKPOINT") }()
		}
		rate, err := w.rate(maxClients, mixedWindow)
		if err != nil {
			return nil, err
		}
		b.say("%.0f QPS beside inserts", rate)
		rates = append(rates, rate)
	}
	return rates, <-flushed
}

// steadyInsert inserts rows of a set at a steady rate.
type steadyInsert struct {
	b          *bench
	dsn, table string
	set        *dataset.Set
	next       int
	done       atomic.Int64
	perSecond  float64
	// asked counts the searches for a row just inserted, missed those that did
	// not find it.
	asked, missed int
}

// run inserts until stop, and now and then asks for the row inserted last.
func (in *steadyInsert) run(stop chan struct{}) error {
	c, err := in.b.connect(in.dsn)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(in.b.ctx))
	if _, err := c.Prepare(in.b.ctx, "self", "SELECT id FROM "+in.table+" ORDER BY embedding <=> $1 LIMIT 10", nil); err != nil {
		return err
	}
	start := time.Now()
	for batch := 0; ; batch++ {
		select {
		case <-stop:
			in.perSecond = float64(in.done.Load()) / time.Since(start).Seconds()
			return nil
		case <-time.After(time.Until(start.Add(time.Duration(batch*insertBatch) * time.Second / insertsPerSecond))):
		}
		to := in.next + insertBatch
		if to > in.set.Len() {
			return fmt.Errorf("the set has no more rows to insert")
		}
		data := in.set.CopyBinary(in.next, to, in.next)
		if _, err := c.CopyFrom(in.b.ctx, bytes.NewReader(data), "COPY "+in.table+" FROM STDIN (FORMAT binary)"); err != nil {
			return err
		}
		in.next = to
		in.done.Add(insertBatch)
		if batch%10 != 0 {
			continue
		}
		r := c.ExecPrepared(in.b.ctx, "self", [][]byte{dataset.AppendVector(nil, in.set.Row(to-1))}, []int16{1}, []int16{1}).Read()
		if r.Err != nil {
			return r.Err
		}
		in.asked++
		found := false
		for _, row := range r.Rows {
			found = found || int(binary.BigEndian.Uint32(row[0])) == to-1
		}
		if !found {
			in.missed++
		}
	}
}
