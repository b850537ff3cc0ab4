package pgwire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"quiver/sql/sqlerr"
)

const (
	readBufferBytes = 16 << 10
	// keptBodyBytes is the largest buffer for bodies that is kept between
	// messages.
	keptBodyBytes = 256 << 10
	// startupBytesMax bounds messages before the client is authenticated.
	startupBytesMax = 10000
	// authBytesMax bounds a password or SASL message.
	authBytesMax = 65535
	// controlBytesMax bounds messages that carry no user data.
	controlBytesMax = 10000
	// MessageBytesMax bounds queries, parameters and COPY data: PostgreSQL's
	// own limit, of which only what has arrived is ever held.
	MessageBytesMax = 1<<30 - 1
)

// reader cuts the stream into messages.
type reader struct {
	r    *bufio.Reader
	body []byte // holds bodies that do not fit r's buffer
	// pending is what the last body still occupies of r's buffer.
	pending int
	// started: the header of a message is read, its kind and the length of its
	// body being these, and the body is not. A read that a deadline ended goes
	// on where it was.
	started bool
	kind    byte
	length  int
}

func newReader(r io.Reader) *reader {
	return &reader{r: bufio.NewReaderSize(r, readBufferBytes)}
}

// release gives up the body of the last message.
func (r *reader) release() {
	if r.pending > 0 {
		// Discard of bytes that were peeked cannot fail.
		_, _ = r.r.Discard(r.pending)
		r.pending = 0
	}
	if cap(r.body) > keptBodyBytes {
		r.body = nil
	}
}

// message reads the next message: its type and its body, which is valid until
// the next call.
func (r *reader) message(limit func(kind byte) int) (kind byte, body []byte, err error) {
	if !r.started {
		if err := r.header(limit); err != nil {
			return 0, nil, err
		}
	}
	body, err = r.bytes(r.length)
	r.started = err != nil
	return r.kind, body, err
}

// header reads the type and the length of the next message.
func (r *reader) header(limit func(kind byte) int) error {
	r.release()
	header, err := r.r.Peek(5)
	if err != nil {
		return endOfStream(err, len(header) > 0)
	}
	kind, length := header[0], int(int32(binary.BigEndian.Uint32(header[1:])))
	most := limit(kind)
	if most < 0 {
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", kind)
	}
	if length < 4 || length-4 > most {
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	}
	if _, err := r.r.Discard(5); err != nil {
		return err
	}
	r.started, r.kind, r.length = true, kind, length-4
	r.body = r.body[:0]
	return nil
}

// startup reads a message without a type, as connections begin.
func (r *reader) startup() ([]byte, error) {
	r.release()
	header, err := r.r.Peek(4)
	if err != nil {
		return nil, endOfStream(err, len(header) > 0)
	}
	length := int(int32(binary.BigEndian.Uint32(header)))
	if length < 8 || length-4 > startupBytesMax {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of startup packet")
	}
	if _, err := r.r.Discard(4); err != nil {
		return nil, err
	}
	r.body = r.body[:0]
	return r.bytes(length - 4)
}

// bytes reads n bytes, after those that r.body has. Memory grows with what has arrived, not with n.
func (r *reader) bytes(n int) ([]byte, error) {
	if n <= r.r.Size() {
		b, err := r.r.Peek(n)
		if err != nil {
			return nil, endOfStream(err, true)
		}
		r.pending = n
		return b, nil
	}
	for len(r.body) < n {
		had := len(r.body)
		step := min(n-had, max(had, readBufferBytes))
		r.body = growTo(r.body, had+step)
		read, err := io.ReadFull(r.r, r.body[had:])
		r.body = r.body[:had+read]
		if err != nil {
			return nil, endOfStream(err, true)
		}
	}
	return r.body, nil
}

// growTo returns b with length n.
func growTo(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	grown := make([]byte, n)
	copy(grown, b)
	return grown
}

// buffered says whether more input is at hand.
func (r *reader) buffered() bool { return r.r.Buffered() > r.pending }

// endOfStream is ErrClosed; it tells a connection that ended between messages
// (io.EOF) from one that ended in the middle of one.
func endOfStream(err error, inside bool) error {
	if errors.Is(err, io.EOF) && inside {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}
