package executor

// spool keeps batches to be read later: RETURNING, CTEs, the inner side of a
// nested loop. Beyond the memory of an operator they go to a temporary file.
type spool struct {
	x       *execution
	batches []*batch
	bytes   int64
	rows    int64
	file    *spillFile
}

func (s *spool) init(x *execution) {
	s.drop()
	s.x = x
}

// add keeps a batch, which the spool owns from now on.
func (s *spool) add(b *batch) error {
	s.rows += int64(b.rows)
	if s.file != nil {
		defer b.release()
		return s.file.write(b)
	}
	s.batches = append(s.batches, b)
	s.bytes += b.bytes()
	if s.bytes <= s.x.env.WorkMem {
		return nil
	}
	return s.spill()
}

// spill moves what is held to a file; the batches go in order.
func (s *spool) spill() error {
	file, err := newSpillFile(s.x)
	if err != nil {
		return err
	}
	s.file = file
	for i, b := range s.batches {
		if err := file.write(b); err != nil {
			return err
		}
		b.release()
		s.batches[i] = nil
	}
	s.batches, s.bytes = nil, 0
	return nil
}

// takeNext returns the batches one by one and forgets them; nil at the end.
func (s *spool) takeNext() (*batch, error) {
	if s.file != nil {
		return s.file.read()
	}
	if len(s.batches) == 0 {
		return nil, nil
	}
	b := s.batches[0]
	s.batches[0] = nil
	s.batches = s.batches[1:]
	return b, nil
}

// spoolReader reads a spool from its start, any number of times.
type spoolReader struct {
	s    *spool
	at   int
	file *spillReader
}

func (s *spool) reader() *spoolReader { return &spoolReader{s: s} }

// next returns a batch that the caller owns; nil at the end.
func (r *spoolReader) next() (*batch, error) {
	if r.s.file != nil {
		if r.file == nil {
			file, err := r.s.file.reader()
			if err != nil {
				return nil, err
			}
			r.file = file
		}
		return r.file.read()
	}
	if r.at == len(r.s.batches) {
		return nil, nil
	}
	b := r.s.batches[r.at]
	r.at++
	return &batch{cols: retainAll(b.cols), rows: b.rows}, nil
}

func (r *spoolReader) close() {
	if r.file != nil {
		r.file.close()
		r.file = nil
	}
}

// drop forgets everything and removes the file.
func (s *spool) drop() {
	for _, b := range s.batches {
		if b != nil {
			b.release()
		}
	}
	s.batches, s.bytes, s.rows = nil, 0, 0
	if s.file != nil {
		s.file.close()
		s.file = nil
	}
}
