package offheap

import (
	"errors"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

var _ memory.Allocator = (*Allocator)(nil)

func TestSmallBuffersAreNotCounted(t *testing.T) {
	a := New(1)
	if b := a.Allocate(Threshold); len(b) != Threshold || a.Used() != 0 {
		t.Fatalf("len %d, used %d", len(b), a.Used())
	}
}

func TestBudget(t *testing.T) {
	a := New(1 << 20)
	b := a.Allocate(700_000)
	if a.Used() != int64(roundUp(700_000)) {
		t.Fatalf("used %d", a.Used())
	}
	var budget *BudgetError
	if _, err := a.TryAllocate(700_000); !errors.As(err, &budget) {
		t.Fatalf("got %v, want a BudgetError", err)
	}
	a.Free(b)
	c, err := a.TryAllocate(700_000)
	if err != nil || a.Used() != int64(cap(c)) {
		t.Fatalf("after Free: %v, used %d", err, a.Used())
	}
	a.Free(c)
	if a.Used() != 0 {
		t.Fatalf("used %d at the end", a.Used())
	}
}

func TestReusedMemoryIsZero(t *testing.T) {
	a := New(0)
	b := a.Allocate(100_000)
	for i := range b {
		b[i] = 0xff
	}
	a.Free(b)
	for i, v := range a.Allocate(100_000) {
		if v != 0 {
			t.Fatalf("byte %d is %#x", i, v)
		}
	}
}

func TestReallocateKeepsBytes(t *testing.T) {
	a := New(0)
	b := a.Allocate(10)
	copy(b, "0123456789")
	for _, size := range []int{100, Threshold, Threshold + 1, 1 << 20, 50} {
		b = a.Reallocate(size, b)
		if len(b) != size || string(b[:10]) != "0123456789" {
			t.Fatalf("size %d: %q", size, b[:10])
		}
	}
	a.Free(b)
	if a.Used() != 0 {
		t.Fatalf("used %d", a.Used())
	}
}

func TestArrowBuilder(t *testing.T) {
	a := New(0)
	builder := array.NewInt64Builder(a)
	for i := range 50_000 {
		builder.Append(int64(i))
	}
	values := builder.NewInt64Array()
	if values.Value(49_999) != 49_999 || a.Used() == 0 {
		t.Fatalf("value %d, used %d", values.Value(49_999), a.Used())
	}
	values.Release()
	builder.Release()
	if a.Used() != 0 {
		t.Fatalf("used %d after release", a.Used())
	}
}
