package copyfile

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/parquet/metadata"

	"quiver/sql/sqlerr"
)

// The library marks every time of day as adjusted to UTC, so that others read one with
// a time zone, and its writer takes no schema but the one it makes of Arrow's types. So
// what it writes at the end, the last row group and the footer, goes into memory, and
// the footer is written anew.

// parquetTail is a file of Parquet up to its end.
type parquetTail struct {
	w    io.Writer
	held *bytes.Buffer // what is written from the end's begin on; nil before
}

func (t *parquetTail) Write(p []byte) (int, error) {
	if t.held != nil {
		return t.held.Write(p)
	}
	return t.w.Write(p)
}

// localTimes marks the times of day of a file as those of a clock.
func localTimes(meta *metadata.FileMetaData) {
	for _, e := range meta.FileMetaData.Schema {
		if e.LogicalType != nil && e.LogicalType.TIME != nil {
			e.LogicalType.TIME.IsAdjustedToUTC = false
			e.ConvertedType = nil // which means times of UTC
		}
	}
}

// rewritten ends a file by closing what writes it, with its footer changed.
func (t *parquetTail) rewritten(end func() error, change func(*metadata.FileMetaData)) error {
	t.held = &bytes.Buffer{}
	if err := end(); err != nil {
		return err
	}
	const magic = "PAR1"
	tail := t.held.Bytes()
	at := len(tail) - len(magic) - 4
	if at >= 0 {
		at -= int(binary.LittleEndian.Uint32(tail[at:]))
	}
	if at < 0 {
		return sqlerr.New(sqlerr.InternalError, "a parquet file has no footer")
	}
	meta, err := metadata.NewFileMetaData(tail[at:], nil)
	if err != nil {
		return err
	}
	change(meta)
	var footer bytes.Buffer
	n, err := meta.WriteTo(&footer, nil)
	if err != nil {
		return err
	}
	footer.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	footer.WriteString(magic)
	for _, part := range [][]byte{tail[:at], footer.Bytes()} {
		if _, err := t.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// hasTimes says whether a type is a time of day, or a list of them.
func hasTimes(t arrow.DataType) bool {
	if list, ok := t.(arrow.ListLikeType); ok {
		return hasTimes(list.Elem())
	}
	return t.ID() == arrow.TIME64
}
