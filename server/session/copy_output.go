package session

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/server/copyfile"
	"quiver/server/copyformat"
)

// sendFile writes the rows into a file of the server.
func (c *copyTo) sendFile(ctx context.Context) error {
	out, err := copyfile.Create(c.file, c.s.cfg.TempDir)
	if err != nil {
		return err
	}
	defer out.Abort()
	err = c.write(ctx, out)
	switch {
	case out.Failed() != nil:
		return out.Failed()
	case err != nil:
		return err // of the rows
	}
	return out.Finish(ctx)
}

// sendPacked sends the client a file.
func (c *copyTo) sendPacked(ctx context.Context) error {
	if err := c.s.conn.CopyOut(len(c.columns), true); err != nil {
		return err
	}
	if err := c.write(ctx, messages{c}); err != nil {
		return err
	}
	return c.s.conn.CopyDone()
}

// messages writes each piece as one message to the client.
type messages struct{ c *copyTo }

func (m messages) Write(p []byte) (int, error) { return len(p), m.c.sendBytes(p) }

type countingWriter struct {
	io.Writer
	n *atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n.Add(int64(n))
	return n, err
}

// write writes the rows in the form that was asked for.
func (c *copyTo) write(ctx context.Context, to io.Writer) error {
	to = &countingWriter{to, &c.progress.bytes}
	if c.opts.file != 0 {
		return c.writeColumns(ctx, to)
	}
	packed, err := copyfile.Pack(to, c.opts.compression)
	if err != nil {
		return err
	}
	if err := c.writeRows(ctx, packed); err != nil {
		return err
	}
	return packed.Close()
}

// writePieceBytes is about how much is written at a time.
const writePieceBytes = 256 << 10

func (c *copyTo) writeRows(ctx context.Context, to io.Writer) error {
	w, err := copyformat.NewWriter(c.opts.rows, c.columns, &c.run.fmt)
	if err != nil {
		return err
	}
	buf := w.AppendHeader(nil)
	for {
		rec, err := c.run.next(ctx)
		if err != nil {
			return err
		}
		if rec == nil {
			break
		}
		for row := range int(rec.NumRows()) {
			buf = w.AppendRow(buf, rec, row)
			if len(buf) < writePieceBytes {
				continue
			}
			if _, err := to.Write(buf); err != nil {
				rec.Release()
				return err
			}
			buf = buf[:0]
		}
		c.progress.processed.Add(rec.NumRows())
		rec.Release()
	}
	_, err = to.Write(w.AppendTrailer(buf))
	return err
}

func (c *copyTo) writeColumns(ctx context.Context, to io.Writer) error {
	var columns []copyfile.Column
	for _, col := range c.columns {
		columns = append(columns, copyfile.Column{Name: col.Name, Type: col.Type})
	}
	sink, err := copyfile.NewSink(to, c.opts.file, c.opts.compression, columns, &c.run.fmt, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	for {
		rec, err := c.run.next(ctx)
		if err != nil {
			return err
		}
		if rec == nil {
			return sink.Close()
		}
		err = sink.Write(rec)
		c.progress.processed.Add(rec.NumRows())
		rec.Release()
		if err != nil {
			return err
		}
	}
}
