package executor

// rowSet remembers rows by their keys.
type rowSet struct {
	keys  *keyEncoder
	seen  map[string]struct{}
	bytes int64
	rows  []int32
}

func (s *rowSet) reset() { s.seen, s.bytes = map[string]struct{}{}, 0 }

// add says whether key is new.
func (s *rowSet) add(key []byte) bool {
	if _, ok := s.seen[string(key)]; ok {
		return false
	}
	s.seen[string(key)] = struct{}{}
	s.bytes += int64(len(key)) + mapEntryBytes
	return true
}

// mapEntryBytes estimates what a map entry with a string key costs besides the
// key's bytes.
const mapEntryBytes = 48

// keepNew takes over b and returns its rows that were not seen before; nil when
// there are none.
func (s *rowSet) keepNew(x *execution, b *batch) (*batch, error) {
	k, err := s.keys.encode(x, b)
	if err != nil {
		b.release()
		return nil, err
	}
	s.rows = s.rows[:0]
	for i := range b.rows {
		if s.add(k.at(i)) {
			s.rows = append(s.rows, int32(i))
		}
	}
	if len(s.rows) == b.rows {
		return b, nil
	}
	defer b.release()
	if len(s.rows) == 0 {
		return nil, nil
	}
	return takeBatch(x.mem, b, s.rows), nil
}
