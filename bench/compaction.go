package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"quiver/test/servers"
)

// The compaction measured: a dozen small segments that become one, of rows wide
// enough that it outlasts the measurement.
const (
	compactedSegments = 12
	compactedRows     = 800_000 // of each
	compactionWindow  = 5 * time.Second
)

// compaction is point reads by eight clients beside the merge of another table's
// segments, as it starts by itself.
func (b *bench) compaction() error {
	q := servers.StartQuiver(b.life, "")
	defer q.Kill()
	const rows = 200_000
	if err := b.run(q.DSN(), "CREATE TABLE hot (id int PRIMARY KEY, v text)",
		fmt.Sprintf("INSERT INTO hot SELECT i, 'value ' || i FROM generate_series(1, %d) i", rows), "CHECKPOINT"); err != nil {
		return err
	}
	var keys [][]byte
	for i := range 1000 {
		keys = append(keys, binary.BigEndian.AppendUint32(nil, uint32(1+i*7919%rows)))
	}
	w, err := b.newWireOf("Quiver", q.DSN(), "SELECT v FROM hot WHERE id = $1", keys)
	if err != nil {
		return err
	}
	defer w.close()
	if _, err := w.rate(maxClients, compactionWindow); err != nil { // everything is in memory then
		return err
	}
	peak, err := w.rate(maxClients, compactionWindow)
	if err != nil {
		return err
	}
	quiet, err := w.openLoops(b.rounds, peak/2, compactionWindow)
	if err != nil {
		return err
	}
	if err := b.run(q.DSN(), "CREATE TABLE compacted (id bigint PRIMARY KEY, a int, v text, w text)"); err != nil {
		return err
	}
	for n := range compactedSegments {
		if err := b.run(q.DSN(), fmt.Sprintf("INSERT INTO compacted SELECT i * %d + %d, i, md5(i::text), md5((i + %d)::text) FROM generate_series(1, %d) i",
			compactedSegments, n, n, compactedRows), "CHECKPOINT compacted"); err != nil {
			return err
		}
	}
	if err := b.merging(q); err != nil {
		return err
	}
	busy, err := w.rate(maxClients, compactionWindow)
	if err != nil {
		return err
	}
	beside, err := w.openLoops(b.rounds, peak/2, compactionWindow)
	if err != nil {
		return err
	}
	if err := b.merging(q); err != nil {
		return fmt.Errorf("the measurement outlasted it: %w", err)
	}
	// The machine may be busier or idler than before: quiet is both times.
	if err := b.merged(q); err != nil {
		return err
	}
	after, err := w.openLoops(b.rounds, peak/2, compactionWindow)
	if err != nil {
		return err
	}
	quiet.p99 = (quiet.p99 + after.p99) / 2
	b.add(figure{what: "Point reads by 8 clients while segments are merged", quiver: busy, peer: peak, unit: "QPS", peerIs: "the same without", atLeast: 0.6})
	b.add(figure{what: "99% of point reads answered within, at half of that peak", quiver: beside.p99.Seconds() * 1000, peer: quiet.p99.Seconds() * 1000,
		unit: "ms", peerIs: "the same without", atMost: 2})
	return nil
}

// merging waits until a merge runs.
func (b *bench) merging(q *servers.Quiver) error {
	return b.untilMerges(q, 10*time.Second, func(n float64) bool { return n > 0 })
}

// merged waits until no merge runs any more.
func (b *bench) merged(q *servers.Quiver) error {
	return b.untilMerges(q, 5*time.Minute, func(n float64) bool { return n == 0 })
}

// untilMerges waits until so many merges run as asked for.
func (b *bench) untilMerges(q *servers.Quiver, most time.Duration, reached func(n float64) bool) error {
	for start := time.Now(); time.Since(start) < most; time.Sleep(10 * time.Millisecond) {
		n, err := b.askNumber(q.DSN(), "SELECT count(*) FROM quiver.jobs WHERE kind = 'merge' AND state = 'running'")
		if err != nil || reached(n) {
			return err
		}
	}
	return fmt.Errorf("after %v there are still not as many merges as wanted", most)
}
