package storage

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"quiver/storage/wal"
)

// TestDeletions compares deletions, on the heap and in scratch files, with a list: they
// are added, given successors and cut.
func TestDeletions(t *testing.T) {
	w := newWorld(t)
	w.spillTo(t.TempDir())
	r := rand.New(rand.NewPCG(1, 1))
	targets := []*wal.Target{{Partition: 1}, {Partition: 2}}
	d := deletions{scratch: w.e.scratchMemory}
	var list []deletion
	inFile, target := false, targets[0]
	for range 40 {
		switch n := r.IntN(max(len(list), 1)); r.IntN(6) {
		case 0:
			d.cut(n)
			list = list[:min(n, len(list))]
		default:
			for range r.IntN(40_000) {
				if r.IntN(1000) == 0 {
					target = targets[r.IntN(2)]
				}
				key := bytes.Repeat([]byte{byte(len(list))}, r.IntN(12))
				if r.IntN(5000) == 0 {
					key = make([]byte, r.IntN(100_000))
				}
				e := deletion{target: target, row: RowID(r.Uint64() >> 1), successor: RowID(r.Uint64()), key: key, private: r.IntN(4) == 0}
				if got := d.add(e); got != len(list) {
					t.Fatalf("deletion %d is number %d", len(list), got)
				}
				list = append(list, e)
			}
			for range min(len(list), 1000) {
				i, row := r.IntN(len(list)), RowID(r.Uint64())
				d.succeed(i, row)
				list[i].successor = row
			}
		}
		inFile = inFile || slices.ContainsFunc(d.chunks, func(k *deletionChunk) bool { return k.fixed })
		if d.count != len(list) {
			t.Fatalf("%d deletions of %d", d.count, len(list))
		}
		of := map[uint64]bool{}
		for i, want := range list {
			of[want.target.Partition] = true
			got := d.at(i)
			if got.target != want.target || got.row != want.row || got.successor != want.successor || got.private != want.private || !bytes.Equal(got.key, want.key) {
				t.Fatalf("deletion %d is %v, not %v", i, got, want)
			}
		}
		for _, partition := range []uint64{1, 2, 3} {
			if d.of(partition) != of[partition] {
				t.Errorf("of partition %d: %v", partition, d.of(partition))
			}
		}
	}
	if !inFile {
		t.Error("all of them stayed on the heap")
	}
	d.free()
	files, err := w.opts.Scratch.List(".")
	w.check(err)
	if len(files) != 0 {
		t.Errorf("%d scratch files are left", len(files))
	}
}

// TestOwnDeletes compares what commands see of a transaction's deletes with a map from
// each row to its number.
func TestOwnDeletes(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(2, seed))
		own := &ownDeletes{blocks: map[uint64]ownBlock{}}
		numbers := map[RowID]uint64{}
		var order []RowID
		commands := []int{0}
		for range 200 {
			switch r.IntN(3) {
			case 0:
				commands = append(commands, len(order))
			case 1: // back to where some command began
				commands = commands[:1+r.IntN(len(commands))]
				n := commands[len(commands)-1]
				for _, row := range order[n:] {
					own.remove(row)
					delete(numbers, row)
				}
				order = order[:n]
			default:
				for range r.IntN(20) {
					row := RowID(r.IntN(300))
					if _, gone := numbers[row]; gone {
						continue
					}
					own.add(row, commands[len(commands)-1])
					numbers[row] = uint64(len(order))
					order = append(order, row)
				}
			}
			for _, began := range commands {
				want, got := map[RowID]bool{}, map[RowID]bool{}
				for row, n := range numbers {
					if n < uint64(began) {
						want[row] = true
					}
				}
				if err := own.each(uint64(began), func(row RowID) error { got[row] = true; return nil }); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(got, want) {
					t.Fatalf("seed %d: a command that began at %d sees %v, not %v", seed, began, got, want)
				}
				for row := range RowID(300) {
					if own.has(row, uint64(began)) != want[row] {
						t.Fatalf("seed %d: row %d at %d: %v", seed, row, began, !want[row])
					}
				}
			}
			if own.len() != len(numbers) {
				t.Fatalf("%d rows of %d", own.len(), len(numbers))
			}
		}
	}
}
