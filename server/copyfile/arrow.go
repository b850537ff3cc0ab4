package copyfile

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/ipc"
)

// arrowMagic begins and ends the file form of Arrow's IPC format; what does not
// begin with it is the streaming form.
const arrowMagic = "ARROW1"

// arrowSource reads record batches of either form.
type arrowSource struct {
	o      Options
	r      *counted
	schema *arrow.Schema
	at     []int
	next   func() (arrow.Record, error) // the record is valid until the next call
	end    func() error
}

// counted counts what is read through it.
type counted struct {
	RandomReader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.RandomReader.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.RandomReader.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func openArrow(r RandomReader, size int64, o Options) (Source, error) {
	s := &arrowSource{o: o, r: &counted{RandomReader: r}}
	head := make([]byte, len(arrowMagic))
	if _, err := r.ReadAt(head, 0); err != nil && size >= int64(len(arrowMagic)) {
		return nil, eofMeans(err)
	}
	var schema *arrow.Schema
	if bytes.Equal(head, []byte(arrowMagic)) {
		f, err := ipc.NewFileReader(s.r, ipc.WithAllocator(o.Mem))
		if err != nil {
			return nil, broken("arrow", err)
		}
		i := 0
		schema, s.end = f.Schema(), f.Close
		s.next = func() (arrow.Record, error) {
			if i == f.NumRecords() {
				return nil, io.EOF
			}
			i++
			return f.Record(i - 1)
		}
	} else {
		if _, err := s.r.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		f, err := ipc.NewReader(s.r, ipc.WithAllocator(o.Mem))
		if err != nil {
			return nil, broken("arrow", err)
		}
		schema, s.end, s.next = f.Schema(), func() error { f.Release(); return nil }, f.Read
	}
	s.schema = schema
	names := make([]string, len(schema.Fields()))
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	var err error
	if s.at, err = match(o.Columns, names); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

func (s *arrowSource) Next(ctx context.Context) (columns []arrow.Array, err error) {
	defer recovered(&err)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rec, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, broken("arrow", err)
		case rec.NumRows() > 0:
			return convertRecord(rec, s.at, &s.o)
		}
	}
}

func (s *arrowSource) Done() int64  { return s.r.n }
func (s *arrowSource) Close() error { return s.end() }
