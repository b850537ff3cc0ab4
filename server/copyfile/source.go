package copyfile

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/internal/cores"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Column is a column of the table that rows go to.
type Column struct {
	Name string
	Type types.T
}

// Source yields the rows of a file of columns. It belongs to one goroutine.
type Source interface {
	// Next returns one array a column of the table, of its type, which the caller
	// releases; nil at the end.
	Next(ctx context.Context) ([]arrow.Array, error)
	// Done is how many bytes of the file have been read, for progress.
	Done() int64
	Close() error
}

// Format is a format of columns: its rows are not read one by one.
type Format byte

// The formats.
const (
	Parquet Format = iota + 1
	Arrow
	Npy
	Fvecs
	Bvecs
	Ivecs
	Fbin
	U8bin
)

var formatNames = map[string]Format{
	"parquet": Parquet, "arrow": Arrow, "npy": Npy, "fvecs": Fvecs, "bvecs": Bvecs, "ivecs": Ivecs, "fbin": Fbin, "u8bin": U8bin,
}

// FormatByName finds a format by the word of the option FORMAT; 0 if it is none.
func FormatByName(name string) Format { return formatNames[name] }

func (f Format) String() string {
	for name, g := range formatNames {
		if f == g {
			return name
		}
	}
	return fmt.Sprintf("Format(%d)", byte(f))
}

// magics begin the files of those formats that pack their own parts.
var magics = map[Format]string{Parquet: "PAR1", Arrow: arrowMagic}

// Begins says whether a file is one of the format as it is, not packed as a whole.
func (f Format) Begins(r io.ReaderAt) bool {
	magic := magics[f]
	head := make([]byte, len(magic))
	n, _ := r.ReadAt(head, 0) // what cannot be read is found when all of it is
	return magic != "" && string(head[:n]) == magic
}

// IsVectors says whether a file of the format is of vectors alone.
func (f Format) IsVectors() bool { return f >= Npy }

// Options say how a file is read.
type Options struct {
	Format Format
	// Columns are where the values go: by name where the file has names, by place
	// where it has none.
	Columns []Column
	// Dynamic says which of Columns are dynamic fields, which are jsonb and of which
	// COPY TO gives the text; it may be shorter.
	Dynamic []bool
	Text    *types.Format
	Mem     memory.Allocator
	// First is the number of the first row, for files of vectors, whose rows are
	// counted where the table has a column beside the vector.
	First int64
	// Workers is how many row groups may be read at a time; 0 is one a processor.
	Workers int
}

func (o *Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return cores.Count()
}

// Open begins to read r, which it does not close, and which holds size bytes.
func Open(ctx context.Context, r RandomReader, size int64, o Options) (s Source, err error) {
	defer recovered(&err)
	switch o.Format {
	case Parquet:
		return openParquet(ctx, r, o)
	case Arrow:
		return openArrow(r, size, o)
	case Npy:
		return openNpy(r, size, o)
	}
	return openVectors(r, size, o)
}

// malformed is an error about a file's content.
func malformed(format string, args ...any) error {
	return sqlerr.New(sqlerr.BadCopyFileFormat, format, args...)
}

// broken is the error of a library about a file's content; errors that have a
// SQLSTATE and those of the context stay.
func broken(what string, err error) error {
	var e *sqlerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return sqlerr.Wrap(err, sqlerr.BadCopyFileFormat, "%s file cannot be read: %s", what, err)
}

// recovered turns the panic of a library that met a hostile file into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = malformed("file cannot be read: %v", r)
	}
}

// eofMeans turns the end of a file within a value into an error.
func eofMeans(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return malformed("unexpected end of file")
	}
	return err
}

// match finds, for each column of the table, the column of a file with its name.
// Names are compared as they are; a file may have more, but not fewer.
func match(columns []Column, names []string) ([]int, error) {
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = -1
		for k, name := range names {
			if name == c.Name {
				if at[i] >= 0 {
					return nil, malformed(`the file has two columns "%s"`, name)
				}
				at[i] = k
			}
		}
		if at[i] < 0 {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, `the file has no column "%s"`, c.Name).
				WithHint("Name the columns that the file has: COPY table (column, …) FROM.")
		}
	}
	return at, nil
}

func releaseAll(arrays []arrow.Array) {
	for _, a := range arrays {
		if a != nil {
			a.Release()
		}
	}
}

// convertRecord converts the chosen columns of a record.
func convertRecord(rec arrow.Record, at []int, o *Options) (_ []arrow.Array, err error) {
	out := make([]arrow.Array, len(at))
	for i, k := range at {
		if out[i], err = convertColumn(rec.Column(k), o, i); err != nil {
			releaseAll(out)
			return nil, err
		}
	}
	return out, nil
}

// convertColumn converts values of a file for the i-th column.
func convertColumn(a arrow.Array, o *Options, i int) (arrow.Array, error) {
	c := &o.Columns[i]
	kind := c.Type.Type()
	if i < len(o.Dynamic) && o.Dynamic[i] {
		kind = types.DynamicField
	}
	out, err := convert(a, c.Type, kind, o.Text, o.Mem)
	return out, atColumn(err, c.Name)
}

// atColumn adds to an error the column that it is about.
func atColumn(err error, name string) error {
	var e *sqlerr.Error
	if errors.As(err, &e) && e.Column == "" {
		at := *e
		return at.WithColumn(name)
	}
	return err
}
