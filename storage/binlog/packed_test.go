package binlog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// packedSamples are columns with the codec that Zstd stores them by, and the most
// bytes that it may need.
func packedSamples() []packedSample {
	const rows = 3000
	r := rand.New(rand.NewPCG(1, 2))
	var all []packedSample
	add := func(name string, b array.Builder, codec Codec, most int, value func(i int) bool) {
		for i := range rows {
			if !value(i) {
				b.AppendNull()
			}
		}
		all = append(all, packedSample{name, b.NewArray(), codec, most})
		b.Release()
	}
	mem := memory.DefaultAllocator
	int16s := array.NewInt16Builder(mem)
	add("small integers", int16s, Packed, rows*7/8+100, func(int) bool { int16s.Append(int16(r.IntN(100)) - 50); return true })
	int32s := array.NewInt32Builder(mem)
	add("integers with nulls", int32s, Packed, rows*17/8+rows/8+100, func(i int) bool {
		if i%7 != 0 {
			int32s.Append(int32(r.IntN(100_000)) + 1<<30)
		}
		return i%7 != 0
	})
	dates := array.NewDate32Builder(mem)
	add("dates", dates, Packed, rows*12/8+100, func(int) bool { dates.Append(arrow.Date32(8000 + r.IntN(2500))); return true })
	times := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond})
	at := arrow.Timestamp(1<<60 - 1)
	add("ascending times", times, Packed, rows*10/8+100, func(int) bool { at += arrow.Timestamp(r.IntN(1000)); times.Append(at); return true })
	wide := array.NewInt64Builder(mem)
	add("extremes in turn, whose differences wrap", wide, Packed, 0, func(i int) bool {
		wide.Append([]int64{math.MinInt64, math.MaxInt64}[i%2] + int64(r.Uint32()>>1)*int64(1-i%2*2))
		return true
	})
	prices := array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 15, Scale: 2})
	add("prices", prices, Packed, rows*24/8+100, func(int) bool { prices.Append(decimal128.FromI64(int64(r.IntN(1<<24) - 1<<23))); return true })
	huge := array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 38})
	add("huge numbers", huge, None, 0, func(int) bool { huge.Append(decimal128.New(int64(r.Uint64()>>2), r.Uint64())); return true })
	nulls := array.NewUint32Builder(mem)
	add("nulls alone", nulls, Zstd, 100, func(int) bool { return false })

	words := array.NewStringBuilder(mem)
	add("few words", words, Dictionary, rows*3/8+200, func(i int) bool { words.Append(shortWords[r.IntN(len(shortWords))]); return true })
	some := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	add("few words in runs, with nulls", some, Dictionary, rows/8+300, func(i int) bool {
		if i%100 != 99 {
			some.AppendString(shortWords[i/600])
		}
		return i%100 != 99
	})
	empty := array.NewStringBuilder(mem)
	add("no words", empty, Dictionary, 100, func(int) bool { empty.Append(""); return true })
	lines := array.NewStringBuilder(mem)
	add("sentences", lines, ZstdText, rows*14, func(i int) bool {
		lines.Append(strings.Join([]string{shortWords[r.IntN(8)], shortWords[r.IntN(8)], fmt.Sprint(i), shortWords[r.IntN(8)]}, " "))
		return true
	})
	return all
}

type packedSample struct {
	name  string
	rows  arrow.Array
	codec Codec
	most  int
}

var shortWords = []string{"AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK", "TAKE BACK RETURN"}

// TestZstdTakesWhatSuits: integers and texts whose codec is Zstd are packed, and
// come back.
func TestZstdTakesWhatSuits(t *testing.T) {
	for _, c := range packedSamples() {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		d := Descriptor{Kind: Insert, Fields: []Field{{ID: 1, Type: c.rows.DataType(), Codec: Zstd}}}
		data, _ := writeFile(t, mem, d, [][]arrow.Array{{c.rows}}, [][]uint64{nil})
		r, err := OpenBytes(c.name, data, mem)
		if err != nil {
			t.Fatal(err)
		}
		e := r.Event(1, 0)
		switch {
		case e.Codec != c.codec:
			t.Errorf("%s: %v, not %v", c.name, e.Codec, c.codec)
		case c.most > 0 && e.StoredBytes > int64(c.most):
			t.Errorf("%s: %d bytes, not %d", c.name, e.StoredBytes, c.most)
		}
		if err := r.Verify(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		back, err := r.Read(t.Context(), 1, 0)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !array.Equal(back, c.rows) {
			t.Errorf("%s: comes back changed", c.name)
		}
		back.Release()
		c.rows.Release()
		mem.AssertSize(t, 0)
	}
}

// FuzzUnpack unpacks any bytes as integers and as texts.
func FuzzUnpack(f *testing.F) {
	for _, c := range packedSamples() {
		d := Descriptor{Kind: Insert, Fields: []Field{{ID: 1, Type: c.rows.DataType(), Codec: Zstd}}}
		data, _ := writeFile(f, memory.DefaultAllocator, d, [][]arrow.Array{{c.rows}}, [][]uint64{nil})
		r, err := OpenBytes(c.name, data, memory.DefaultAllocator)
		if err != nil {
			f.Fatal(err)
		}
		e := r.Event(1, 0)
		p, err := parseEvent(e, c.rows.DataType(), data[e.Offset:e.Offset+e.Length])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[e.Offset+p.bodyAt:e.Offset+p.bodyAt+e.StoredBytes], byte(e.Codec), uint16(e.Rows), uint32(p.lengths[0]), uint32(p.lengths[len(p.lengths)-1]))
	}
	f.Fuzz(func(_ *testing.T, stored []byte, codec byte, rows uint16, validity, last uint32) {
		if validity > 1<<16 || last > 1<<20 {
			return
		}
		for _, dt := range []arrow.DataType{arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int64, &arrow.Decimal128Type{Precision: 9}} {
			lengths := []int64{int64(validity), int64(rows) * int64(packedWidth(dt))}
			dst := make([]byte, alignUp(lengths[0])+alignUp(lengths[1]))
			_ = unpackIntegers(stored, dst, dt, lengths, int(rows)) // only that nothing breaks
		}
		lengths := []int64{int64(validity), 4*int64(rows) + 4, int64(last)}
		dst := make([]byte, alignUp(lengths[0])+alignUp(lengths[1])+alignUp(lengths[2]))
		_ = unpackText(Codec(codec), stored, dst, arrow.BinaryTypes.String, lengths, int(rows))
	})
}
