package executor

import (
	"bytes"
	"container/heap"
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

// sortedRun is a sorted run of a sorter in a temporary file: batches of the columns
// and the key. level is how often its rows were merged.
type sortedRun struct {
	file  *spillFile
	level int
}

// A merge holds a batch of each of its runs, and what it took to read that: so runs
// go in small batches, and only so many at once.
const (
	runBatchBytes = 32 << 10
	mergeRunsMax  = 64
	// mergedBytesMax is about what a merge hands out at once.
	mergedBytesMax = 1 << 20
)

// spill writes what is held as a sorted run.
func (s *sorter) spill() error {
	s.sort()
	run, err := newSpillFile(s.x)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, sortedRun{file: run})
	rows := runBatchRows(s.bytes, len(s.entries))
	for from := 0; from < len(s.entries); from += rows {
		entries := s.entries[from:min(from+rows, len(s.entries))]
		if err := s.writeRun(run, entries); err != nil {
			return err
		}
	}
	s.releaseBatches()
	clear(s.entries)
	s.entries, s.bytes = s.entries[:0], 0
	return nil
}

// runBatchRows is how many rows go into a batch of a run.
func runBatchRows(bytes int64, rows int) int {
	each := max(bytes/int64(max(rows, 1)), 1)
	return int(min(max(runBatchBytes/each, 1), batchRows))
}

func (s *sorter) writeRun(run *spillFile, entries []sortEntry) error {
	refs := make([]rowRef, len(entries))
	keys := array.NewBinaryBuilder(s.x.mem, arrow.BinaryTypes.Binary)
	defer keys.Release()
	for i, e := range entries {
		refs[i] = e.ref
		keys.Append(e.key)
	}
	b, err := gatherRows(s.x.mem, refs)
	if err != nil {
		return err
	}
	b.cols = append(b.cols, keys.NewArray())
	defer b.release()
	return run.write(b)
}

// mergeLevel merges the latest runs into one of the next level as long as there are
// as many of one level as a merge takes.
func (s *sorter) mergeLevel(ctx context.Context) error {
	for n := len(s.runs); n >= mergeRunsMax && s.runs[n-mergeRunsMax].level == s.runs[n-1].level; n = len(s.runs) {
		if err := s.mergeLast(ctx, mergeRunsMax); err != nil {
			return err
		}
	}
	return nil
}

// mergeDown leaves as many runs as one merge takes. The latest are the smallest.
func (s *sorter) mergeDown(ctx context.Context) error {
	for len(s.runs) > mergeRunsMax {
		if err := s.mergeLast(ctx, min(mergeRunsMax, len(s.runs)-mergeRunsMax+1)); err != nil {
			return err
		}
	}
	return nil
}

// mergeLast merges the last n runs, which are neighbours, into one.
func (s *sorter) mergeLast(ctx context.Context, n int) error {
	from := len(s.runs) - n
	merge, err := newRunMerge(s.runs[from:])
	if err != nil {
		return err
	}
	defer merge.drop()
	into, err := newSpillFile(s.x)
	if err != nil {
		return err
	}
	merged := sortedRun{file: into, level: s.runs[len(s.runs)-1].level + 1}
	if err := merge.copyTo(ctx, s.x, into); err != nil {
		into.close()
		return err
	}
	for _, run := range s.runs[from:] {
		run.file.close()
	}
	s.runs = append(s.runs[:from], merged)
	return nil
}

// runMerge merges sorted runs: a heap of cursors by their current key.
type runMerge struct{ cursors []*runCursor }

func newRunMerge(runs []sortedRun) (*runMerge, error) {
	m := &runMerge{}
	for i, run := range runs {
		r, err := run.file.reader()
		if err != nil {
			m.drop()
			return nil, err
		}
		c := &runCursor{reader: r, order: i}
		if err := c.load(); err != nil {
			m.drop()
			return nil, err
		}
		if c.batch != nil {
			m.cursors = append(m.cursors, c)
		}
	}
	heap.Init(m)
	return m, nil
}

func (m *runMerge) drop() {
	for _, c := range m.cursors {
		if c.batch != nil {
			c.batch.release()
		}
	}
	m.cursors = nil
}

// runCursor stands on a row of a run.
type runCursor struct {
	reader *spillReader
	order  int // of the run: equal keys come in it
	batch  *batch
	bytes  int64 // of a row, about
	keys   *array.Binary
	row    int
	entry  sortEntry
}

// load moves to the next batch of the run.
func (c *runCursor) load() error {
	b, err := c.reader.read()
	c.batch, c.row = b, 0
	if err != nil || b == nil {
		return err
	}
	c.bytes = b.bytes() / int64(b.rows)
	c.keys = b.cols[len(b.cols)-1].(*array.Binary)
	c.entry = newEntry(c.keys.Value(0), b, 0)
	return nil
}

func (m *runMerge) Len() int { return len(m.cursors) }
func (m *runMerge) Less(i, j int) bool {
	c := compareEntries(m.cursors[i].entry, m.cursors[j].entry)
	return c < 0 || c == 0 && m.cursors[i].order < m.cursors[j].order
}
func (m *runMerge) Swap(i, j int) { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }
func (m *runMerge) Push(v any)    { m.cursors = append(m.cursors, v.(*runCursor)) }
func (m *runMerge) Pop() any {
	last := m.cursors[len(m.cursors)-1]
	m.cursors = m.cursors[:len(m.cursors)-1]
	return last
}

// next returns the next rows and their keys; nil at the end.
func (m *runMerge) next(x *execution) (*batch, [][]byte, error) {
	b, err := m.gather(x)
	if err != nil || b == nil {
		return nil, nil, err
	}
	last := len(b.cols) - 1
	column := b.cols[last].(*array.Binary)
	keys := make([][]byte, b.rows)
	for i := range keys {
		keys[i] = bytes.Clone(column.Value(i))
	}
	column.Release()
	b.cols = b.cols[:last]
	return b, keys, nil
}

// gather returns the next rows, their key as the last column; nil at the end.
func (m *runMerge) gather(x *execution) (*batch, error) {
	var refs []rowRef
	var spent []*batch
	defer func() {
		for _, b := range spent {
			b.release()
		}
	}()
	for size := int64(0); len(refs) < batchRows && size < mergedBytesMax && len(m.cursors) > 0; {
		c := m.cursors[0]
		refs = append(refs, rowRef{c.batch, int32(c.row)})
		size += c.bytes
		c.row++
		if c.row < c.batch.rows {
			c.entry = newEntry(c.keys.Value(c.row), c.batch, c.row)
		} else {
			spent = append(spent, c.batch)
			if err := c.load(); err != nil {
				return nil, err
			}
			if c.batch == nil {
				heap.Pop(m)
				continue
			}
		}
		heap.Fix(m, 0)
	}
	if len(refs) == 0 {
		return nil, nil
	}
	return gatherRows(x.mem, refs)
}

// copyTo writes all rows and keys to a file.
func (m *runMerge) copyTo(ctx context.Context, x *execution, into *spillFile) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := m.gather(x)
		if err != nil || b == nil {
			return err
		}
		err = writeParts(into, b, runBatchRows(b.bytes(), b.rows))
		b.release()
		if err != nil {
			return err
		}
	}
}

// writeParts writes a batch as several of so many rows.
func writeParts(into *spillFile, b *batch, rows int) error {
	for from := 0; from < b.rows; from += rows {
		part := b.slice(from, min(from+rows, b.rows))
		err := into.write(part)
		part.release()
		if err != nil {
			return err
		}
	}
	return nil
}
