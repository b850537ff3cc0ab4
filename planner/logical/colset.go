package logical

import "math/bits"

// ColID names a column within one statement; 0 is none.
type ColID int32

// ColSet is a set of columns. The zero value is empty.
type ColSet struct{ words []uint64 }

// NewColSet returns the set of ids.
func NewColSet(ids ...ColID) ColSet {
	var s ColSet
	for _, id := range ids {
		s.Add(id)
	}
	return s
}

// Add puts id into s.
func (s *ColSet) Add(id ColID) {
	w := int(id >> 6)
	for len(s.words) <= w {
		s.words = append(s.words, 0)
	}
	s.words[w] |= 1 << (uint(id) & 63)
}

// AddAll puts the members of t into s.
func (s *ColSet) AddAll(t ColSet) {
	for len(s.words) < len(t.words) {
		s.words = append(s.words, 0)
	}
	for i, w := range t.words {
		s.words[i] |= w
	}
}

// Remove takes the members of t out of s.
func (s *ColSet) Remove(t ColSet) {
	for i := range s.words {
		if i < len(t.words) {
			s.words[i] &^= t.words[i]
		}
	}
}

// Has says whether id is in s.
func (s ColSet) Has(id ColID) bool {
	w := int(id >> 6)
	return w < len(s.words) && s.words[w]&(1<<(uint(id)&63)) != 0
}

// Empty says whether s has no members.
func (s ColSet) Empty() bool {
	for _, w := range s.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// Within says whether every member of s is in t.
func (s ColSet) Within(t ColSet) bool {
	for i, w := range s.words {
		if i < len(t.words) {
			w &^= t.words[i]
		}
		if w != 0 {
			return false
		}
	}
	return true
}

// Meets says whether s and t share a member.
func (s ColSet) Meets(t ColSet) bool {
	for i := 0; i < len(s.words) && i < len(t.words); i++ {
		if s.words[i]&t.words[i] != 0 {
			return true
		}
	}
	return false
}

// IDs lists the members in ascending order.
func (s ColSet) IDs() []ColID {
	var ids []ColID
	for i, w := range s.words {
		for ; w != 0; w &= w - 1 {
			ids = append(ids, ColID(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return ids
}
