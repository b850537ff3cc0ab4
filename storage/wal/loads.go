package wal

import (
	"cmp"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/vfs"
)

// CommittedLoad is a segment of a bulk load whose transaction the log commits.
type CommittedLoad struct {
	Load
	// Commit is where the transaction's commit lies.
	Commit Position
}

// CommittedLoads lists the loads of a log that nobody writes, in the order of their
// commits: with describe's text of each record written to w, as Dump does.
func CommittedLoads(w io.Writer, fsys vfs.FS, dir string, describe func(record []byte) (string, error)) ([]CommittedLoad, error) {
	var r LoadReader
	d := dumper{w: w, describe: describe, each: r.Record}
	err := d.all(fsys, dir)
	return r.Committed(), err
}

// LoadReader gathers the loads of the transactions of a log, whose records it gets
// in their order.
type LoadReader struct {
	txns      map[uint64]*loadTxn
	committed []CommittedLoad
}

type loadTxn struct {
	stream   []byte // not yet a whole change
	loads    []Load
	prepared bool
	at       Position // of PREPARE
}

// Committed ends the reader. A transaction that is prepared counts as committed by
// its PREPARE: whether it is, the catalog knows.
func (r *LoadReader) Committed() []CommittedLoad {
	for _, t := range r.txns {
		if t.prepared {
			r.commit(t, t.at)
		}
	}
	r.txns = nil
	slices.SortStableFunc(r.committed, func(a, b CommittedLoad) int { return cmp.Compare(a.Commit.Offset, b.Commit.Offset) })
	return r.committed
}

// Record takes a record; one that cannot be read is for others to report.
func (r *LoadReader) Record(p Position, b []byte) {
	rec, err := DecodeRecord(b)
	if err != nil {
		return
	}
	t := r.txns[rec.Txn]
	if t == nil {
		if r.txns == nil {
			r.txns = map[uint64]*loadTxn{}
		}
		t = &loadTxn{}
		r.txns[rec.Txn] = t
	}
	switch rec.Kind {
	case KindChunk:
		t.feed(rec.Payload)
	case KindPrepare:
		t.prepared, t.at = true, p
	case KindAbort:
		delete(r.txns, rec.Txn)
	case KindCommit:
		t.feed(rec.Payload)
		r.commit(t, p)
		delete(r.txns, rec.Txn)
	}
}

func (r *LoadReader) commit(t *loadTxn, p Position) {
	for _, l := range t.loads {
		r.committed = append(r.committed, CommittedLoad{l, p})
	}
}

// feed takes over the loads among the changes that payload ends.
func (t *loadTxn) feed(payload []byte) {
	t.stream = append(t.stream, payload...)
	rest := t.stream
	for {
		change, after := NextChange(rest)
		if change == nil {
			break
		}
		t.change(change)
		rest = after
	}
	t.stream = t.stream[:copy(t.stream, rest)]
}

func (t *loadTxn) change(b []byte) {
	if len(b) == 0 || b[0] != changeLoad && b[0] != changeUndo {
		return
	}
	change, err := DecodeChange(b, memory.DefaultAllocator)
	if err != nil {
		return
	}
	switch c := change.(type) {
	case *Load:
		t.loads = append(t.loads, *c)
	case *Undo:
		t.loads = slices.DeleteFunc(t.loads, func(l Load) bool { return l.FirstRowID >= c.FirstRowID })
	}
}
