package parse

import "unicode/utf8"

// source is the text of a parse and the arithmetic of places in it. The
// grammar counts bytes from 0, ast and clients count characters from 1.
//
// When the grammar was given less than the text (values.go leaves rows out),
// cutAt is the byte offset of the gap in what it was given, and cutBytes how
// much is missing there; negative when it was given more than there is, at the
// beginning (partition.go).
type source struct {
	text            string
	cutAt, cutBytes int
	// walked and walkedChars remember the last conversion: one place is mostly
	// near the one before.
	walked, walkedChars int
	scanned             []token
}

// offset turns a byte offset of the grammar's text into one of the whole text.
func (s *source) offset(given int) int {
	if s.cutBytes != 0 && given >= s.cutAt {
		given += s.cutBytes
	}
	return min(max(given, 0), len(s.text))
}

// chars returns the 1-based character position of a byte offset of the text.
func (s *source) chars(offset int) int {
	if offset < s.walked {
		s.walkedChars -= utf8.RuneCountInString(s.text[offset:s.walked])
	} else {
		s.walkedChars += utf8.RuneCountInString(s.text[s.walked:offset])
	}
	s.walked = offset
	return s.walkedChars + 1
}

// shiftChars turns a 1-based character position of the grammar's text into one
// of the whole text.
func (s *source) shiftChars(position int) int {
	if s.cutBytes == 0 {
		return position
	}
	if s.cutBytes < 0 {
		return max(position+s.cutBytes, 1)
	}
	cutChars := s.chars(s.cutAt)
	if position < cutChars {
		return position
	}
	return position + utf8.RuneCountInString(s.text[s.cutAt:s.cutAt+s.cutBytes])
}
