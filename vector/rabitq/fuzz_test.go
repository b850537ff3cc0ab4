package rabitq

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// FuzzRecords scores whatever bytes as records and blocks: nothing is read beside
// them, and each kernel gives the same.
func FuzzRecords(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 5))
	for bits := 1; bits <= BitsMax; bits++ {
		c := newCodec(f, L2, 20, bits, 3)
		f.Add(uint8(20), uint8(bits), c.NewEncoder().Record(nil, normal(r, 20), nil))
		f.Add(uint8(bits), uint8(bits), []byte{0xff, 0xff, 0xff, 0x7f})
	}
	f.Fuzz(func(t *testing.T, dim, bits uint8, bytes []byte) {
		c, err := New(Distance(dim%3), int(dim)+1, int(bits)%BitsMax+1, 7)
		if err != nil {
			t.Fatal(err)
		}
		const n = 3
		// Just as long as they must be, filled with the bytes again and again.
		filled := func(size int) []byte {
			out := make([]byte, size)
			for i := range out {
				if len(bytes) > 0 {
					out[i] = bytes[i%len(bytes)]
				}
			}
			return out
		}
		query := make([]float32, c.Dim())
		for i := range query {
			query[i] = float32(i%5) - 1.5
		}
		q := c.NewQuery(query)
		q.Centre(make([]float32, c.Padded()))
		records := filled(n * c.RecordBytes())
		var rows, gathered [n]Estimate
		q.ScoreRows(records, c.RecordBytes(), n, rows[:])
		q.ScoreGathered(records, c.RecordBytes(), []uint32{2, 0, 1}, gathered[:])
		for i, at := range []int{2, 0, 1} {
			if gathered[i] != rows[at] && gathered[i] == gathered[i] && rows[at] == rows[at] {
				t.Fatalf("record %d: gathered %v, in a row %v", at, gathered[i], rows[at])
			}
		}
		var factors BlockFactors
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&factors)), unsafe.Sizeof(factors)), filled(int(unsafe.Sizeof(factors))))
		var estimates [BlockCodes]Estimate
		var below Below
		block := filled(c.BlockBytes())
		q.ScoreBlock(block, &factors, &estimates)
		q.ScoreBelow(block, []BlockFactors{factors}, 1, &below)
	})
}
