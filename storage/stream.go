package storage

import (
	"errors"

	"quiver/internal/offheap"
	"quiver/storage/wal"
)

// streamBytesMax is how much of a transaction's changes stays in memory before
// they go into the log as chunks.
const streamBytesMax = 16 << 20

// inFlightMax is how many chunks may wait for their sync: the back-pressure of
// a transaction that writes faster than the disk.
const inFlightMax = 16

// changeStream is a transaction's changes in the form of the log: a byte
// stream, cut into chunks once it is long.
type changeStream struct {
	t       *txn
	buf     []byte
	emitted int64 // bytes that went into chunks
	chunks  uint32
	// prepared says that PREPARE is in the log, which like a chunk must stay
	// there until the transaction ends.
	prepared bool
	first    wal.Position // of the first chunk
	flying   []wal.Future
	record   []byte // reused
}

// length is the end of the stream.
func (s *changeStream) length() int64 { return s.emitted + int64(len(s.buf)) }

// wrote is called after changes were appended to buf.
func (s *changeStream) wrote() error {
	if s.chunks == 0 && len(s.buf) < streamBytesMax {
		return nil
	}
	return s.emit(wal.PayloadBytesMax)
}

// emit puts whole chunks into the log until less than keep+1 bytes are left.
func (s *changeStream) emit(keep int) error {
	at := 0
	for len(s.buf)-at > keep {
		n := min(len(s.buf)-at, wal.PayloadBytesMax)
		if err := s.chunk(s.buf[at : at+n]); err != nil {
			return err
		}
		at += n
	}
	if at > 0 {
		s.emitted += int64(at)
		s.buf = s.buf[:copy(s.buf, s.buf[at:])]
	}
	return nil
}

func (s *changeStream) chunk(payload []byte) error {
	e := s.t.e
	r := wal.Record{Kind: wal.KindChunk, Epoch: e.epoch, Txn: uint64(s.t.id), Sequence: s.chunks}
	s.record = append(r.AppendHeader(s.record[:0]), payload...)
	future, err := e.pipeline.append(s.record, func(p wal.Position) {
		if s.chunks == 0 {
			s.first = p
			e.active.stream(s.t.id, p)
		}
	})
	if err != nil {
		return err
	}
	s.chunks++
	s.flying = append(s.flying, future)
	if len(s.flying) > inFlightMax {
		err = s.flying[0].Wait()
		s.flying = s.flying[1:]
	}
	return fencedError(err)
}

// cut forgets what was written after the stream had length n, if none of it
// went into the log; false when it did.
func (s *changeStream) cut(n int64) bool {
	if n < s.emitted {
		return false
	}
	s.buf = s.buf[:n-s.emitted]
	return true
}

// fencedError maps the log's errors to storage's.
func fencedError(err error) error {
	if errors.Is(err, wal.ErrFenced) || errors.Is(err, wal.ErrClosed) {
		return errors.Join(ErrFenced, err)
	}
	return err
}

func isBudget(err error) bool {
	var b *offheap.BudgetError
	return errors.As(err, &b)
}
