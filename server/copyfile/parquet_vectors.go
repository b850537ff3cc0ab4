package copyfile

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"quiver/sql/types"
)

// pageVectors reads vectors of one length from the pages of a column of lists of
// float in one row group. The numbers of a plain page lie as Arrow's do: they are
// copied a page at a time, and the levels looked over run by run, where the library
// makes three numbers of each.
//
// It takes what most files have: no nulls, no dictionary, all vectors of the
// column's length. At anything else next says that it is not suited, and the
// library takes the row group from there on.
type pageVectors struct {
	pages           file.PageReader
	t               types.T // vector(n)
	depth           byte    // definition level of a number
	batchRows, left int64   // rows asked for at a time, and in all
	mem             memory.Allocator

	held  *memory.Buffer // the numbers read
	rows  int64          // vectors begun in held
	open  int            // numbers that the last of them has
	ended bool           // no page is left
}

// pageBufferBytes is how much of a column is read at a time.
const pageBufferBytes = 1 << 20

// newPageVectors returns nil where the column is nothing for it.
func newPageVectors(r io.ReaderAt, reader *file.Reader, group, leaf int, t types.T, batchRows int64, mem memory.Allocator) *pageVectors {
	column := reader.MetaData().Schema.Column(leaf)
	if t.OID != types.VectorOID || t.Mod <= 0 || !isList(reader.MetaData().Schema.ColumnRoot(leaf)) ||
		column.PhysicalType() != parquet.Types.Float || column.MaxRepetitionLevel() != 1 || column.MaxDefinitionLevel() > 3 {
		return nil
	}
	chunk, err := reader.MetaData().RowGroup(group).ColumnChunk(leaf)
	if err != nil || chunk.HasDictionaryPage() || chunk.CryptoMetadata() != nil {
		return nil
	}
	section := io.NewSectionReader(r, chunk.DataPageOffset(), chunk.TotalCompressedSize())
	pages, err := file.NewPageReader(bufio.NewReaderSize(section, pageBufferBytes), chunk.NumValues(), chunk.Compression(), mem, nil)
	if err != nil {
		return nil
	}
	return &pageVectors{pages: pages, t: t, depth: byte(column.MaxDefinitionLevel()), batchRows: batchRows, left: reader.MetaData().RowGroup(group).NumRows(), mem: mem}
}

// isList says whether a field is a list of plain values, in the form that the
// format asks for or without its middle.
func isList(n schema.Node) bool {
	for {
		group, ok := n.(*schema.GroupNode)
		if !ok {
			return true
		}
		if group.NumFields() != 1 {
			return false
		}
		n = group.Field(0)
	}
}

// next returns n vectors, the last that there are. suited is false at what it does
// not take; it has then returned whole vectors alone.
func (p *pageVectors) next(n int64) (a arrow.Array, suited bool, err error) {
	for p.complete() < n {
		if p.ended || !p.readPage() {
			return nil, false, nil
		}
	}
	width := int(p.t.Mod)
	taken := p.held
	size := int(n) * width * 4
	p.held = memory.NewResizableBuffer(p.mem)
	if rest := taken.Bytes()[size:]; len(rest) > 0 {
		p.append(rest)
	}
	p.rows, p.left = p.rows-n, p.left-n
	taken.ResizeNoShrink(size)
	defer taken.Release()
	numbers := array.NewData(arrow.PrimitiveTypes.Float32, int(n)*width, []*memory.Buffer{nil, taken}, nil, 0, 0)
	defer numbers.Release()
	vectors := array.NewData(p.t.Arrow(), int(n), []*memory.Buffer{nil}, []arrow.ArrayData{numbers}, 0, 0)
	defer vectors.Release()
	a = array.MakeFromData(vectors)
	for i := range int(n) {
		if err := types.CheckVector(types.VectorAt(a, i), p.t.Mod); err != nil {
			a.Release()
			return nil, true, err
		}
	}
	return a, true, nil
}

// complete is how many vectors are read whole. The last may go on in the next page:
// in those of version 2, too, of some writers.
func (p *pageVectors) complete() int64 {
	if p.rows > 0 && !p.ended {
		return p.rows - 1
	}
	return p.rows
}

// readPage adds the numbers of a page; false if it is not suited.
func (p *pageVectors) readPage() bool {
	if !p.pages.Next() {
		// What is missing is the library's to complain about.
		p.ended = p.pages.Err() == nil && p.open == int(p.t.Mod)
		return p.ended
	}
	switch page := p.pages.Page().(type) {
	case *file.DataPageV1:
		return p.readV1(page)
	case *file.DataPageV2:
		data, repeats, defines := page.Data(), int(page.RepetitionLevelByteLen()), int(page.DefinitionLevelByteLen())
		if repeats < 0 || defines < 0 || repeats+defines > len(data) {
			return false
		}
		return p.add(data[:repeats], data[repeats:repeats+defines], data[repeats+defines:], page)
	}
	return false
}

// readV1 reads a page whose levels have their lengths before them.
func (p *pageVectors) readV1(page *file.DataPageV1) bool {
	if parquet.Encoding(page.RepetitionLevelEncoding()) != parquet.Encodings.RLE || parquet.Encoding(page.DefinitionLevelEncoding()) != parquet.Encodings.RLE {
		return false
	}
	data := page.Data()
	var levels [2][]byte
	for i := range levels {
		if i == 1 && p.depth == 0 {
			break
		}
		if len(data) < 4 {
			return false
		}
		n := binary.LittleEndian.Uint32(data)
		if data = data[4:]; uint64(n) > uint64(len(data)) {
			return false
		}
		levels[i], data = data[:n], data[n:]
	}
	return p.add(levels[0], levels[1], data, page)
}

// add takes over the numbers of a page.
func (p *pageVectors) add(repeats, defines, numbers []byte, page file.Page) bool {
	n := int(page.NumValues())
	if parquet.Encoding(page.Encoding()) != parquet.Encodings.Plain || len(numbers) != 4*n || n == 0 {
		return false
	}
	if p.depth > 0 && !levelRuns(defines, uint(bits.Len8(p.depth)), n, func(level byte, _ int) bool { return level == p.depth }) {
		return false
	}
	width := int(p.t.Mod)
	// The first number of a vector repeats nothing.
	if !levelRuns(repeats, 1, n, func(level byte, count int) bool {
		if level == 1 {
			p.open += count
			return p.rows > 0 && p.open <= width
		}
		if p.rows > 0 && p.open != width || width > 1 && count > 1 {
			return false
		}
		p.rows += int64(count)
		p.open = 1
		return level == 0
	}) {
		return false
	}
	p.append(numbers)
	return true
}

// append adds numbers to those held.
func (p *pageVectors) append(numbers []byte) {
	if p.held == nil {
		p.held = memory.NewResizableBuffer(p.mem)
	}
	at := p.held.Len()
	if p.held.Cap() == 0 { // room for a batch and what a page has beyond it
		p.held.Reserve(max(len(numbers), int(min(p.batchRows, p.left))*int(p.t.Mod)*4+pageBufferBytes))
	}
	p.held.ResizeNoShrink(at + len(numbers))
	copy(p.held.Bytes()[at:], numbers)
}

func (p *pageVectors) close() {
	if p.held != nil {
		p.held.Release()
		p.held = nil
	}
	if page := p.pages.Page(); page != nil {
		page.Release()
	}
}
