package copyfile

import (
	"io"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

// BenchmarkSink writes batches of vectors of 100 dimensions.
func BenchmarkSink(b *testing.B) {
	wide := Column{"v", types.T{OID: types.VectorOID, Mod: 100}}
	v := types.NewBuilder(wide.Type, memory.DefaultAllocator)
	defer v.Release()
	const rows = 4096
	x := make([]float32, 100)
	for i := range rows {
		for k := range x {
			x[k] = float32(i*k) / 7
		}
		types.AppendVector(v, x)
	}
	a := v.NewArray()
	defer a.Release()
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "v", Type: wide.Type.Arrow()}}, nil), []arrow.Array{a}, rows)
	defer rec.Release()
	for _, format := range []Format{Parquet, Arrow} {
		b.Run(format.String(), func(b *testing.B) {
			s, err := NewSink(io.Discard, format, None, []Column{wide}, types.DefaultFormat(), memory.DefaultAllocator)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := s.Write(rec); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
