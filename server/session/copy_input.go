package session

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/cores"
	"quiver/server/copyfile"
	"quiver/server/copyformat"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// copyBatch is some rows of a file, or why there are no more.
type copyBatch struct {
	columns []arrow.Array
	lines   []int64 // where each row began; nil if they follow from first
	first   int64
	rows    int
	file    *copyfile.File
	err     error
}

// line is where row i began: its line, or its number in a file without lines.
func (b *copyBatch) line(i int) int64 {
	if b.lines != nil {
		return b.lines[i]
	}
	return b.first + int64(i)
}

// copyInput reads the files of a COPY FROM in the background, several at a time.
// Rows of one file come in order.
type copyInput struct {
	opts     *copyOptions
	table    string
	columns  []copyformat.Column
	format   types.Format
	progress *copyProgress
	tempDir  string

	batches chan copyBatch
	cancel  context.CancelFunc
	workers sync.WaitGroup
	done    sync.WaitGroup
}

// copyBatchesAhead is how many batches may wait to be inserted.
const copyBatchesAhead = 2

// start begins to read files. The caller must call close.
func (in *copyInput) start(ctx context.Context, files []*copyfile.File) {
	ctx, in.cancel = context.WithCancel(ctx)
	in.batches = make(chan copyBatch, copyBatchesAhead)
	workers := min(len(files), cores.Count())
	if in.opts.file.IsVectors() {
		workers = 1 // their rows are counted through
	}
	var next atomic.Int64
	var rows int64
	for range workers {
		in.workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(files); i = next.Add(1) - 1 {
				n, err := in.read(ctx, files[i], rows)
				if err != nil {
					in.send(ctx, copyBatch{file: files[i], err: err})
					return
				}
				if in.opts.file.IsVectors() {
					rows += n
				}
			}
		})
	}
	in.done.Go(func() {
		in.workers.Wait()
		close(in.batches)
	})
}

// close ends reading and gives back what was read ahead.
func (in *copyInput) close() {
	in.cancel()
	for b := range in.batches {
		releaseArrays(b.columns)
	}
	in.done.Wait()
}

func (in *copyInput) send(ctx context.Context, b copyBatch) bool {
	select {
	case in.batches <- b:
		return true
	case <-ctx.Done():
		releaseArrays(b.columns)
		return false
	}
}

// read reads one file and returns how many rows it had; first is the number of
// the first row where rows are counted.
func (in *copyInput) read(ctx context.Context, f *copyfile.File, first int64) (int64, error) {
	defer f.Close()
	if in.opts.file != 0 {
		return in.readColumns(ctx, f, first)
	}
	return in.readRows(ctx, f)
}

// readColumns reads a file of columns.
func (in *copyInput) readColumns(ctx context.Context, f *copyfile.File, first int64) (int64, error) {
	r, size, err := in.random(ctx, f)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	o := copyfile.Options{Format: in.opts.file, Text: &in.format, Mem: memory.DefaultAllocator, First: first}
	for _, c := range in.columns {
		o.Columns = append(o.Columns, copyfile.Column{Name: c.Name, Type: c.Type})
		o.Dynamic = append(o.Dynamic, c.Dynamic)
	}
	source, err := copyfile.Open(ctx, r, size, o)
	if err != nil {
		return 0, err
	}
	defer source.Close()
	rows, seen := int64(0), int64(0)
	for {
		columns, err := source.Next(ctx)
		if err != nil || columns == nil {
			return rows, err
		}
		in.progress.bytes.Add(source.Done() - seen)
		seen = source.Done()
		b := copyBatch{columns: columns, rows: columns[0].Len(), first: rows + 1, file: f}
		rows += int64(b.rows)
		if !in.send(ctx, b) {
			return rows, ctx.Err()
		}
	}
}

// random opens a file to be read anywhere; one that is packed as a whole is
// unpacked first. Parquet and Arrow pack their own parts: COPY TO writes them so
// whatever the extension says, so that a file which begins as they do is not unpacked.
func (in *copyInput) random(ctx context.Context, f *copyfile.File) (copyfile.RandomReader, int64, error) {
	packed, _ := copyfile.CompressionOf(f.Name)
	if in.opts.file.IsVectors() {
		packed = in.opts.compression
	}
	if packed == copyfile.None {
		r, err := f.Random(ctx)
		return r, f.Size, err
	}
	if f.Size > 0 {
		r, err := f.Random(ctx)
		if err != nil || in.opts.file.Begins(r) {
			return r, f.Size, err
		}
		if err := r.Close(); err != nil {
			return nil, 0, err
		}
	}
	stream, err := f.Stream(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer stream.Close()
	return copyfile.UnpackToTemp(stream, packed, in.tempDir)
}

// readRows reads a file of rows.
func (in *copyInput) readRows(ctx context.Context, f *copyfile.File) (rows int64, err error) {
	stream, err := f.Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	counted := &countingReader{stream, &in.progress.bytes}
	unpacked, err := copyfile.Unpack(counted, in.opts.compression)
	if err != nil {
		return 0, err
	}
	defer unpacked.Close()
	format := in.format
	reader := copyformat.NewReader(in.opts.rows, in.table, in.columns, &format, memory.DefaultAllocator)
	defer reader.Release()
	piece := make([]byte, copyPieceBytes)
	for {
		n, err := unpacked.Read(piece)
		if n > 0 {
			if err := reader.Write(piece[:n]); err != nil {
				return rows, err
			}
		}
		ended := errors.Is(err, io.EOF)
		switch {
		case ended:
			if err := reader.Finish(); err != nil {
				return rows, err
			}
		case err != nil:
			return rows, readFileError(f.Name, err)
		case ctx.Err() != nil:
			return rows, ctx.Err()
		}
		if reader.Rows() > 0 && (ended || reader.Bytes() >= copyBatchBytes || reader.Rows() >= copyBatchRows) {
			b := copyBatch{rows: reader.Rows(), file: f}
			b.columns, b.lines = reader.Take()
			rows += int64(b.rows)
			if !in.send(ctx, b) {
				return rows, ctx.Err()
			}
		}
		if ended {
			return rows, nil
		}
	}
}

func readFileError(name string, err error) error {
	var e *sqlerr.Error
	if errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return sqlerr.Wrap(err, sqlerr.IOError, `could not read from file "%s": %s`, name, err)
}

type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
