package copyfile

import (
	"context"
	"errors"
	"io"
)

// objectReader reads an object at any place. The context is that of the
// statement: the readers of the formats' libraries take none.
type objectReader struct {
	ctx context.Context
	f   *File
}

func (r *objectReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= r.f.Size {
		return 0, io.EOF
	}
	b, err := r.f.store.ReadAt(r.ctx, r.f.key, off, int64(len(p)), p[:0])
	n := copy(p, b) // onto itself, but where the store made its own
	if err != nil && !errors.Is(err, io.EOF) {
		return n, storeError(r.f.Name, err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// streamPieceBytes is how much of an object one request reads.
const streamPieceBytes = 4 << 20

// objectStream reads an object in order, one piece ahead of the reader.
type objectStream struct {
	cancel  context.CancelFunc
	pieces  chan streamPiece
	current []byte
	err     error
}

type streamPiece struct {
	data []byte
	err  error
}

func newObjectStream(ctx context.Context, f *File) *objectStream {
	ctx, cancel := context.WithCancel(ctx)
	s := &objectStream{cancel: cancel, pieces: make(chan streamPiece, 1)}
	go s.fetch(ctx, &objectReader{ctx, f})
	return s
}

// fetch ends with the object, the first error, or the stream's Close.
func (s *objectStream) fetch(ctx context.Context, r *objectReader) {
	defer close(s.pieces)
	for at := int64(0); at < r.f.Size; at += streamPieceBytes {
		data := make([]byte, min(streamPieceBytes, r.f.Size-at))
		n, err := r.ReadAt(data, at)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // it had the size that was asked for
		}
		select {
		case s.pieces <- streamPiece{data[:n], err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (s *objectStream) Read(p []byte) (int, error) {
	for len(s.current) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		piece, ok := <-s.pieces
		if !ok {
			s.err = io.EOF
			return 0, io.EOF
		}
		s.current, s.err = piece.data, piece.err
	}
	n := copy(p, s.current)
	s.current = s.current[n:]
	return n, nil
}

func (s *objectStream) Close() error {
	s.cancel()
	for range s.pieces { // ends the goroutine behind
	}
	return nil
}
