package pgwire

import (
	"bufio"
	"encoding/binary"
	"errors"
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
	r.release()
	header, err := r.r.Peek(5)
	if err != nil {
		return 0, nil, endOfStream(err, len(header) > 0)
	}
	kind = header[0]
	length := int(int32(binary.BigEndian.Uint32(header[1:])))
	most := limit(kind)
	if most < 0 {
		return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", kind)
	}
	if length < 4 || length-4 > most {
		return 0, nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid message length")
	}
	if _, err := r.r.Discard(5); err != nil {
		return 0, nil, err
	}
	body, err = r.bytes(length - 4)
	return kind, body, err
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
	return r.bytes(length - 4)
}

// bytes reads n bytes. Memory grows with what has arrived, not with n.
func (r *reader) bytes(n int) ([]byte, error) {
	if n <= r.r.Size() {
		b, err := r.r.Peek(n)
		if err != nil {
			return nil, endOfStream(err, true)
		}
		r.pending = n
		return b, nil
	}
	body := r.body[:0]
	for len(body) < n {
		step := min(n-len(body), max(len(body), readBufferBytes))
		body = growTo(body, len(body)+step)
		if _, err := io.ReadFull(r.r, body[len(body)-step:]); err != nil {
			return nil, endOfStream(err, true)
		}
	}
	r.body = body
	return body, nil
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

// endOfStream tells a connection that ended between messages (io.EOF) from one
// that ended in the middle of one.
func endOfStream(err error, inside bool) error {
	if errors.Is(err, io.EOF) && inside {
		return io.ErrUnexpectedEOF
	}
	return err
}
