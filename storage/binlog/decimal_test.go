package binlog

import (
	"bytes"
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// randomDecimal has up to 38 digits; nil is NaN.
func randomDecimal(r *rand.Rand) (decimal128.Num, *big.Int) {
	if r.IntN(8) == 0 {
		return decimal128.New(math.MinInt64, 0), nil
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(r.IntN(39))), nil)
	v := new(big.Int).SetBits([]big.Word{big.Word(r.Uint64()), big.Word(r.Uint64())})
	v.Mod(v, limit)
	if r.IntN(2) == 0 {
		v.Neg(v)
	}
	return decimal128.FromBigInt(v), v
}

// The order of decimals is that of their values, with NaN last.
func TestDecimalOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(38, 1))
	for range 20_000 {
		x, vx := randomDecimal(r)
		y, vy := randomDecimal(r)
		if r.IntN(10) == 0 {
			y, vy = x, vx
		}
		want := 0
		switch {
		case vx == nil && vy == nil:
		case vx == nil:
			want = 1
		case vy == nil:
			want = -1
		default:
			want = vx.Cmp(vy)
		}
		if got := compareDecimals(x, y); got != want {
			t.Fatalf("%v and %v: %d, want %d", vx, vy, got, want)
		}
	}
}

// Decimals round-trip through a file, and its bounds are their least and
// greatest, NaN the greatest of all.
func TestDecimalFile(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 8))
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	dt := &arrow.Decimal128Type{Precision: 38, Scale: 2}
	for range 30 {
		n := 1 + r.IntN(300)
		b := array.NewDecimal128Builder(mem, dt)
		lo, hi := -1, -1
		for i := range n {
			if r.IntN(5) == 0 {
				b.AppendNull()
				continue
			}
			v, _ := randomDecimal(r)
			b.Append(v)
			if lo < 0 {
				lo, hi = i, i
			}
		}
		a := b.NewArray().(*array.Decimal128)
		b.Release()
		for i := range n {
			if a.IsValid(i) && compareDecimals(a.Value(i), a.Value(lo)) < 0 {
				lo = i
			}
			if a.IsValid(i) && compareDecimals(a.Value(i), a.Value(hi)) > 0 {
				hi = i
			}
		}
		d := Descriptor{Kind: Insert, Fields: []Field{{ID: 100, Type: dt, Codec: Zstd}}}
		file, _ := writeFile(t, mem, d, [][]arrow.Array{{a}}, [][]uint64{make([]uint64, n)})
		reader, err := OpenBytes("decimals", file, mem)
		if err != nil {
			t.Fatal(err)
		}
		back, err := reader.Read(context.Background(), 100, 0)
		if err != nil || !sameRows(a, back) {
			t.Fatalf("%v came back as %v, %v", a, back, err)
		}
		e := reader.Event(100, 0)
		for _, bound := range []struct {
			stored []byte
			at     int
		}{{e.Min, lo}, {e.Max, hi}} {
			if bound.at < 0 {
				if len(bound.stored) > 0 {
					t.Error("bounds of nulls alone")
				}
			} else if want := appendBound(a, bound.at); !bytes.Equal(bound.stored, want) {
				t.Errorf("bound %x, want %x", bound.stored, want)
			}
		}
		a.Release()
		back.Release()
	}
}

func TestDecimalText(t *testing.T) {
	for _, c := range []struct {
		v     int64
		scale int
		want  string
	}{{0, 0, "0"}, {0, 2, "0.00"}, {-5, 2, "-0.05"}, {12345, 2, "123.45"}, {12, -3, "12000"}, {0, -3, "0"}, {7, 50, "0.00000000000000000000000000000000000000000000000007"}} {
		if got := decimalText(decimal128.FromI64(c.v), c.scale); got != c.want {
			t.Errorf("%d, %d: %s, want %s", c.v, c.scale, got, c.want)
		}
	}
	if got := decimalText(decimalNaN, 2); got != "NaN" {
		t.Errorf("NaN prints as %s", got)
	}
}
