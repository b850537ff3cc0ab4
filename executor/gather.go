package executor

import (
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// rowRef names a row of one of several batches.
type rowRef struct {
	batch *batch
	row   int32
}

// gatherRows builds a batch of rows that lie in several batches.
func gatherRows(mem memory.Allocator, refs []rowRef) (*batch, error) {
	type part struct {
		b    *batch
		rows []int32
		base int32
	}
	var parts []*part
	index := map[*batch]*part{}
	at := make([]int32, len(refs)) // position within its part
	for i, r := range refs {
		p := index[r.batch]
		if p == nil {
			p = &part{b: r.batch}
			index[r.batch] = p
			parts = append(parts, p)
		}
		at[i] = int32(len(p.rows))
		p.rows = append(p.rows, r.row)
	}
	if len(parts) == 1 {
		return takeBatch(mem, parts[0].b, parts[0].rows), nil
	}
	taken := make([]*batch, len(parts))
	base := int32(0)
	for i, p := range parts {
		if isWhole(p.rows, p.b.rows) {
			taken[i] = p.b
		} else {
			taken[i] = takeBatch(mem, p.b, p.rows)
			defer taken[i].release()
		}
		p.base = base
		base += int32(len(p.rows))
	}
	all, err := concatBatches(mem, taken)
	if err != nil {
		return nil, err
	}
	for i, r := range refs {
		at[i] += index[r.batch].base
	}
	defer all.release()
	return takeBatch(mem, all, at), nil
}

// isWhole says whether rows are those of a batch of n rows, in their order.
func isWhole(rows []int32, n int) bool {
	if len(rows) != n {
		return false
	}
	for i, row := range rows {
		if int(row) != i {
			return false
		}
	}
	return true
}
