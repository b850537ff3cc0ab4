package executor

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"quiver/sql/sqlerr"
)

// spillFile is a temporary file of batches: for each its length, then an Arrow
// IPC stream of that batch. It is unlinked as soon as it is open, so that
// nothing is left behind whatever ends the process. A frame carries its own
// schema because a column may come as List in one batch and as FixedSizeList in
// the next.
type spillFile struct {
	x       *execution
	file    *os.File
	w       *bufio.Writer
	size    int64
	rows    int64
	frame   bytes.Buffer
	reading *spillReader
}

func newSpillFile(x *execution) (*spillFile, error) {
	f, err := os.CreateTemp(x.env.TempDir, "quiver-spill-*")
	if err != nil {
		return nil, spillError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, spillError(err)
	}
	return &spillFile{x: x, file: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func spillError(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return sqlerr.Wrap(err, sqlerr.DiskFull, "could not use a temporary file: %v", err)
	}
	return sqlerr.Wrap(err, sqlerr.IOError, "could not use a temporary file: %v", err)
}

// write appends a batch, which stays the caller's.
func (f *spillFile) write(b *batch) error {
	fields := make([]arrow.Field, len(b.cols))
	for i, c := range b.cols {
		fields[i] = arrow.Field{Type: c.DataType(), Nullable: true}
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), b.cols, int64(b.rows))
	defer rec.Release()
	f.frame.Reset()
	w := ipc.NewWriter(&f.frame, ipc.WithSchema(rec.Schema()), ipc.WithAllocator(f.x.mem))
	if err := w.Write(rec); err != nil {
		return spillError(err)
	}
	if err := w.Close(); err != nil {
		return spillError(err)
	}
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(f.frame.Len()))
	if _, err := f.w.Write(size[:]); err != nil {
		return spillError(err)
	}
	if _, err := f.w.Write(f.frame.Bytes()); err != nil {
		return spillError(err)
	}
	f.size += int64(f.frame.Len()) + 8
	f.rows += int64(b.rows)
	return nil
}

// reader reads from the start what was written so far.
func (f *spillFile) reader() (*spillReader, error) {
	if err := f.w.Flush(); err != nil {
		return nil, spillError(err)
	}
	return &spillReader{x: f.x, r: bufio.NewReaderSize(io.NewSectionReader(f.file, 0, f.size), 64<<10)}, nil
}

// read returns the batches one by one; nil at the end.
func (f *spillFile) read() (*batch, error) {
	if f.reading == nil {
		r, err := f.reader()
		if err != nil {
			return nil, err
		}
		f.reading = r
	}
	return f.reading.read()
}

func (f *spillFile) close() { f.file.Close() }

// spillReader reads a spillFile.
type spillReader struct {
	x     *execution
	r     *bufio.Reader
	frame []byte
}

func (r *spillReader) read() (*batch, error) {
	var size [8]byte
	if _, err := io.ReadFull(r.r, size[:]); err != nil {
		if err == io.EOF {
			return nil, nil
		}
		return nil, spillError(err)
	}
	n := int(binary.LittleEndian.Uint64(size[:]))
	if cap(r.frame) < n {
		r.frame = make([]byte, n)
	}
	r.frame = r.frame[:n]
	if _, err := io.ReadFull(r.r, r.frame); err != nil {
		return nil, spillError(err)
	}
	stream, err := ipc.NewReader(bytes.NewReader(r.frame), ipc.WithAllocator(r.x.mem))
	if err != nil {
		return nil, spillError(err)
	}
	defer stream.Release()
	if !stream.Next() {
		return nil, spillError(stream.Err())
	}
	rec := stream.Record()
	return &batch{cols: retainAll(rec.Columns()), rows: int(rec.NumRows())}, nil
}

func (r *spillReader) close() {}
