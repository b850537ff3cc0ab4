package objstore

import (
	"context"
	"errors"
	"hash"
	"hash/crc32"
	"io"
)

// rangeBytes is how much a Reader reads at a time.
const rangeBytes = 4 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Reader reads an object from its beginning, by ranges, and sums it up on the
// way. It is a body that Put can send again.
type Reader struct {
	ctx    context.Context // of the reading
	store  Store
	key    string
	size   int64
	at     int64
	buf    []byte
	unread []byte
	crc    hash.Hash32
	short  bool
}

// NewReader reads the object of a key that is said to have size bytes.
func NewReader(ctx context.Context, store Store, key string, size int64) *Reader {
	return &Reader{ctx: ctx, store: store, key: key, size: size, crc: crc32.New(castagnoli)}
}

// Sum is the CRC-32C of what was read since the beginning.
func (r *Reader) Sum() uint32 { return r.crc.Sum32() }

// Short says whether the object ended before its size, and where.
func (r *Reader) Short() (at int64, short bool) { return r.at, r.short }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if len(r.unread) == 0 {
		if r.at >= r.size {
			return 0, io.EOF
		}
		b, err := r.store.ReadAt(r.ctx, r.key, r.at, min(rangeBytes, r.size-r.at), r.buf)
		if errors.Is(err, io.EOF) {
			r.short = true
			err = nil
			if len(b) == 0 {
				return 0, io.ErrUnexpectedEOF
			}
		}
		if err != nil {
			return 0, err
		}
		r.buf, r.unread = b, b
	}
	n := copy(p, r.unread)
	r.crc.Write(p[:n])
	r.unread = r.unread[n:]
	r.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker as far as stores use it: to learn the size and to go
// back to the beginning.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch {
	case whence == io.SeekCurrent && offset == 0:
		return r.at, nil
	case whence == io.SeekEnd && offset == 0:
		r.at, r.unread = r.size, nil
		return r.size, nil
	case whence == io.SeekStart && offset == 0:
		r.at, r.unread, r.short = 0, nil, false
		r.crc.Reset()
		return 0, nil
	}
	return 0, errors.New("objstore: an object is read from its beginning")
}
