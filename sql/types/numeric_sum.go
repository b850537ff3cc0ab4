package types

import "encoding/binary"

// NumericSum adds numerics exactly; its scale is the greatest seen. The zero
// value is an empty sum.
type NumericSum struct {
	// Count is how many were added.
	Count int64
	// small × 10^-scale is the part that was added last, in values of one
	// scale; sum is the rest.
	small int64
	scale int32
	sum   Numeric
}

// Add adds the value with the stored form v.
func (s *NumericSum) Add(v []byte) error {
	s.Count++
	if len(v) == numericBytesMin && int32(binary.LittleEndian.Uint16(v)) == s.scale {
		c := int64(binary.LittleEndian.Uint64(v[2:]))
		if sum := s.small + c; (sum > s.small) == (c > 0) {
			s.small = sum
			return nil
		}
	}
	return s.addSlow(DecodeNumeric(v))
}

// addSlow sets aside what was added so far and begins with the scale of n.
func (s *NumericSum) addSlow(n Numeric) (err error) {
	if s.sum, err = s.Total(); err != nil {
		return err
	}
	s.small, s.scale = 0, n.scale
	if n.kind == numericFinite && n.big == nil {
		s.small = n.small
		return nil
	}
	s.sum, err = s.sum.Add(n)
	return err
}

// Total is the sum.
func (s *NumericSum) Total() (Numeric, error) { return s.sum.Add(NewNumeric(s.small, s.scale)) }
