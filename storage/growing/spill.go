package growing

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/vfs"
)

// spillAlign is the alignment of buffers in a spill file: Arrow's.
const spillAlign = 64

// Spill moves the column buffers of a segment that gets no more rows, and what finds
// its rows by key, into a file, laid out as Arrow buffers at multiples of 64 bytes and
// mapped; the memory is given back once readers let go of it. The file lives as long
// as the buffers and the segment. After an error the segment is as before.
func (s *Segment) Spill(fs vfs.FS, name string) error {
	file, err := fs.Create(name)
	if err != nil {
		return fmt.Errorf("spill: %w", err)
	}
	m := &spillFile{fs: fs, name: name, file: file}
	places, size, err := s.writeSpill(file)
	if err == nil && size > 0 {
		m.data, m.unmap, err = file.Map(size)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("spill: %w", err), m.remove())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.buffers.Store(1)
	var freed int64
	i := 0
	for _, k := range s.chunks {
		for _, a := range k.full {
			if a != nil {
				a.Release()
			}
		}
		k.full = nil
		k.each(func(b **memory.Buffer) {
			place := places[i]
			i++
			m.buffers.Add(1)
			freed += int64((*b).Cap())
			(*b).Release()
			*b = memory.NewBufferWithAllocator(m.data[place.at:place.at+place.size:place.at+place.size], m)
		})
	}
	for _, x := range s.hashIndexes() {
		freed += int64(x.used) * hashBytesPerEntry
		x.table.Store(hashTableIn(m.data[places[i].at:], len(x.table.Load().heads)))
		i++
	}
	s.onFree = append(s.onFree, func() { m.Free(nil) })
	s.spilled.Store(true)
	s.bytes.Add(-freed)
	s.spilledBytes.Store(freed)
	return nil
}

// hashIndexes are those that have entries.
func (s *Segment) hashIndexes() (list []*hashIndex) {
	for _, x := range []*hashIndex{&s.keys, &s.rowIDs} {
		if x.used > 0 {
			list = append(list, x)
		}
	}
	return list
}

// bytes are a table's hashes, and behind them its heads.
func (t *hashTable) bytes() []byte {
	hashes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t.hashes))), 8*len(t.hashes))
	heads := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(t.heads))), 4*len(t.heads))
	return append(append(make([]byte, 0, len(hashes)+len(heads)), hashes...), heads...)
}

// hashTableIn is a table that lies in memory, to be read only.
func hashTableIn(memory []byte, size int) *hashTable {
	start := unsafe.Pointer(unsafe.SliceData(memory))
	return &hashTable{
		mask:   uint64(size - 1),
		hashes: unsafe.Slice((*atomic.Uint64)(start), size),
		heads:  unsafe.Slice((*atomic.Uint32)(unsafe.Add(start, 8*size)), size),
	}
}

type spillPlace struct{ at, size int64 }

// writeSpill writes every buffer; nobody else changes them, for the segment
// gets no more rows.
func (s *Segment) writeSpill(file vfs.File) (places []spillPlace, size int64, err error) {
	write := func(bytes []byte) {
		if err == nil {
			places = append(places, spillPlace{size, int64(len(bytes))})
			_, err = file.WriteAt(bytes, size)
			size = (size + int64(len(bytes)) + spillAlign - 1) / spillAlign * spillAlign
		}
	}
	for _, k := range s.chunks {
		k.each(func(b **memory.Buffer) { write((*b).Bytes()) })
	}
	for _, x := range s.hashIndexes() {
		write(x.table.Load().bytes())
	}
	if err == nil {
		err = file.Truncate(size)
	}
	return places, size, err
}

// spillFile is the allocator that the mapped buffers came from: at the last
// Free the file goes.
type spillFile struct {
	fs      vfs.FS
	name    string
	file    vfs.File
	data    []byte
	unmap   func() error
	buffers atomic.Int64
}

// Allocate and Reallocate complete memory.Allocator; mapped buffers are never
// resized.
func (m *spillFile) Allocate(size int) []byte { return make([]byte, size) }

// Reallocate copies to the heap.
func (m *spillFile) Reallocate(size int, b []byte) []byte {
	grown := make([]byte, size)
	copy(grown, b)
	return grown
}

// Free is the end of one buffer.
func (m *spillFile) Free([]byte) {
	if m.buffers.Add(-1) == 0 {
		// Scratch that cannot be removed is gone at the next start.
		_ = m.remove()
	}
}

func (m *spillFile) remove() error {
	var err error
	if m.unmap != nil {
		err = m.unmap()
	}
	return errors.Join(err, m.file.Close(), m.fs.Remove(m.name))
}
