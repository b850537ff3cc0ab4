package cache

import (
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// pinned keeps a file pinned, and the array read from it, while any buffer of
// a wrapped array lives.
type pinned struct {
	file    *File
	array   arrow.Array
	buffers atomic.Int64
}

// Allocate and Reallocate complete memory.Allocator; the buffers are never
// resized.
func (p *pinned) Allocate(size int) []byte { return make([]byte, size) }

// Reallocate never happens: the buffers are immutable.
func (p *pinned) Reallocate(size int, b []byte) []byte { return append(make([]byte, 0, size), b...) }

// Free is the end of one buffer.
func (p *pinned) Free([]byte) {
	if p.buffers.Add(-1) == 0 {
		p.array.Release()
		p.file.Unpin()
	}
}

// Wrap returns a with buffers that keep f pinned until the last of them is
// released; it takes over the caller's reference to a.
func (f *File) Wrap(a arrow.Array) arrow.Array {
	f.Pin()
	p := &pinned{file: f, array: a}
	p.buffers.Store(1) // ours, against an early end
	data := p.wrap(a.Data())
	defer data.Release()
	wrapped := array.MakeFromData(data)
	p.Free(nil)
	return wrapped
}

func (p *pinned) wrap(d arrow.ArrayData) arrow.ArrayData {
	buffers := make([]*memory.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b != nil {
			p.buffers.Add(1)
			buffers[i] = memory.NewBufferWithAllocator(b.Bytes(), p)
			defer buffers[i].Release()
		}
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	for i, c := range d.Children() {
		children[i] = p.wrap(c)
		defer children[i].Release()
	}
	return array.NewData(d.DataType(), d.Len(), buffers, children, d.NullN(), d.Offset())
}
