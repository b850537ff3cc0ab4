package catalog

import (
	"cmp"
	"encoding/binary"
	"strings"
)

// placement is where a partition is found by the values it takes: a range by the
// end of it, a list by each of its values, a hash by modulus and remainder, the
// default partition by nothing. Looking one up costs the logarithm of how many
// there are, and so does adding one.
type placement struct {
	table OID
	class byte
	key   string
}

const placementDefault byte = 'd'

func comparePlacement(a, b placement) int {
	if a.table != b.table {
		return cmp.Compare(a.table, b.table)
	}
	if a.class != b.class {
		return cmp.Compare(a.class, b.class)
	}
	return strings.Compare(a.key, b.key)
}

// placements are those of d, none for what has no bound.
func placements(d Descriptor) []placement {
	p, ok := d.(*Partition)
	if !ok || p.Bound == nil {
		return nil
	}
	return p.Bound.placements(p.Table)
}

func (b *PartitionBound) placements(table OID) []placement {
	switch {
	case b.Default:
		return []placement{{table, placementDefault, ""}}
	case b.Modulus != 0:
		return []placement{{table, PartitionByHash, hashPlacement(b.Modulus, b.Remainder)}}
	case b.To != nil:
		return []placement{{table, PartitionByRange, b.ToKey()}}
	}
	out := make([]placement, len(b.List))
	for i := range b.List {
		out[i] = placement{table, PartitionByList, boundKeyOf(b.List[i : i+1])}
	}
	return out
}

func hashPlacement(modulus, remainder uint64) string {
	return string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, modulus), remainder))
}

// place makes p found by its bound and counts it.
func (v *Version) place(p *Partition) {
	for _, at := range placements(p) {
		v.placements = v.placements.with(comparePlacement, at, p)
	}
	v.counts = v.counts.with(cmp.Compare[OID], p.Table, v.PartitionCount(p.Table)+1)
}

// displace undoes place.
func (v *Version) displace(p *Partition) {
	for _, at := range placements(p) {
		v.placements = v.placements.without(comparePlacement, at)
	}
	if n := v.PartitionCount(p.Table) - 1; n > 0 {
		v.counts = v.counts.with(cmp.Compare[OID], p.Table, n)
	} else {
		v.counts = v.counts.without(cmp.Compare[OID], p.Table)
	}
}

func (v *Version) placed(p placement) *Partition {
	found, _ := v.placements.get(comparePlacement, p)
	return found
}

// DefaultOf returns the partition of a partitioned table that takes what no other
// does, or nil.
func (v *Version) DefaultOf(table OID) *Partition {
	return v.placed(placement{table, placementDefault, ""})
}

// PartitionOfList returns the partition that takes a value of a list, nil for
// none; the default one is not looked at.
func (v *Version) PartitionOfList(table OID, key []byte) *Partition {
	return v.placed(placement{table, PartitionByList, string(key)})
}

// PartitionOfRange returns the partition whose range has key, nil for none.
func (v *Version) PartitionOfRange(table OID, key []byte) *Partition {
	var found *Partition
	v.eachRange(table, string(key), func(p *Partition) bool {
		if p.Bound.FromKey() <= string(key) {
			found = p
		}
		return false
	})
	return found
}

// eachRange calls yield for the partitions whose range ends above from, in order.
func (v *Version) eachRange(table OID, from string, yield func(*Partition) bool) {
	start := placement{table, PartitionByRange, from + "\x00"}
	v.placements.from(comparePlacement, start, func(k placement, p *Partition) bool {
		return k.table == table && k.class == PartitionByRange && yield(p)
	})
}

// PartitionsOfRange returns those whose range has a key that lies at or above
// from and at or below to or begins with it; the ends may be empty for none.
func (v *Version) PartitionsOfRange(table OID, from, to []byte) []*Partition {
	var out []*Partition
	v.eachRange(table, string(from), func(p *Partition) bool {
		if low := p.Bound.FromKey(); len(to) > 0 && low > string(to) && !strings.HasPrefix(low, string(to)) {
			return false
		}
		out = append(out, p)
		return true
	})
	return out
}

// PartitionsOfList returns those that take a value whose key lies between from and
// to, in the order of the values, a partition as often as it has such values.
func (v *Version) PartitionsOfList(table OID, from, to []byte) []*Partition {
	var out []*Partition
	v.placements.from(comparePlacement, placement{table, PartitionByList, string(from)}, func(k placement, p *Partition) bool {
		if k.table != table || k.class != PartitionByList || len(to) > 0 && k.key > string(to) {
			return false
		}
		out = append(out, p)
		return true
	})
	return out
}

// Moduli lists the different moduli of a table's hash partitions, the least first.
func (v *Version) Moduli(table OID) []uint64 {
	var out []uint64
	for next := uint64(0); ; {
		found := uint64(0)
		start := placement{table, PartitionByHash, hashPlacement(next, 0)}
		v.placements.from(comparePlacement, start, func(k placement, p *Partition) bool {
			if k.table == table && k.class == PartitionByHash {
				found = p.Bound.Modulus
			}
			return false
		})
		if found == 0 {
			return out
		}
		out, next = append(out, found), found+1
	}
}

// PartitionOfHash returns the partition that takes a hash value, nil for none.
func (v *Version) PartitionOfHash(table OID, hash uint64) *Partition {
	for _, modulus := range v.Moduli(table) {
		if p := v.PartitionByRemainder(table, modulus, hash%modulus); p != nil {
			return p
		}
	}
	return nil
}

// PartitionByRemainder returns the partition of just that modulus and remainder.
func (v *Version) PartitionByRemainder(table OID, modulus, remainder uint64) *Partition {
	return v.placed(placement{table, PartitionByHash, hashPlacement(modulus, remainder)})
}

// Overlapping returns a partition of table that takes some of what bound takes,
// nil when there is none.
func (v *Version) Overlapping(table OID, bound *PartitionBound) *Partition {
	switch {
	case bound.Default:
		return v.DefaultOf(table)
	case bound.Modulus != 0:
		return v.overlappingHash(table, bound)
	case bound.To != nil:
		var found *Partition
		v.eachRange(table, bound.FromKey(), func(p *Partition) bool {
			if p.Bound.FromKey() < bound.ToKey() {
				found = p
			}
			return false
		})
		return found
	}
	for _, at := range bound.placements(table) {
		if p := v.placed(at); p != nil {
			return p
		}
	}
	return nil
}

// overlappingHash: of two remainders one takes some of the other's values if they
// are equal by the smaller modulus, which is a factor of the greater.
func (v *Version) overlappingHash(table OID, bound *PartitionBound) *Partition {
	for _, modulus := range v.Moduli(table) {
		step := min(modulus, bound.Modulus)
		for r := bound.Remainder % step; r < modulus; r += step {
			if p := v.PartitionByRemainder(table, modulus, r); p != nil {
				return p
			}
		}
	}
	return nil
}

// Partition returns the partition with that OID, the _default ones too, or nil.
func (v *Version) Partition(oid OID) *Partition {
	p, _ := v.Descriptor(oid).(*Partition)
	return p
}

// PartitionCount is how many partitions a table has, the _default one included.
func (v *Version) PartitionCount(table OID) int {
	n, _ := v.counts.get(cmp.Compare[OID], table)
	return n
}

// SomePartitions returns the first n partitions of a table.
func (v *Version) SomePartitions(table OID, n int) []*Partition {
	out := make([]*Partition, 0, n)
	v.children.from(compareChild, childKey{table: table, kind: childPartition}, func(k childKey, d Descriptor) bool {
		if k.table != table || k.kind != childPartition || len(out) == n {
			return false
		}
		out = append(out, d.(*Partition))
		return true
	})
	return out
}
