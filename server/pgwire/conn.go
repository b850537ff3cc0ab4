package pgwire

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// writeBufferBytes is how much output is gathered before it is written.
const writeBufferBytes = 32 << 10

// ErrClosed is the error of input from and output to a client that is gone.
var ErrClosed = errors.New("pgwire: the connection is closed")

// Conn is the server's end of one connection.
type Conn struct {
	net net.Conn
	in  *reader
	out []byte
	// broken is the first failed write; the output after it goes nowhere.
	broken error
}

// NewConn wraps an accepted connection.
func NewConn(c net.Conn) *Conn {
	return &Conn{net: c, in: newReader(c), out: make([]byte, 0, 4096)}
}

// Close closes the connection; reads and writes fail from now on. It may be
// called from any goroutine.
func (c *Conn) Close() error { return c.net.Close() }

// NetConn is the connection underneath, for deadlines and addresses.
func (c *Conn) NetConn() net.Conn { return c.net }

// Flush writes what is buffered.
func (c *Conn) Flush() error {
	if c.broken != nil {
		return c.broken
	}
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.net.Write(c.out)
	c.out = c.out[:0]
	if cap(c.out) > 8*writeBufferBytes {
		c.out = make([]byte, 0, writeBufferBytes)
	}
	if err != nil {
		c.broken = errors.Join(ErrClosed, err)
	}
	return c.broken
}

// flushFull writes when enough has gathered.
func (c *Conn) flushFull() error {
	if len(c.out) < writeBufferBytes {
		return c.broken
	}
	return c.Flush()
}

// send buffers a message. Encoding fails only for lengths beyond the protocol.
func (c *Conn) send(m pgproto3.BackendMessage) error {
	out, err := m.Encode(c.out)
	if err != nil {
		return sqlerr.Wrap(err, sqlerr.ProgramLimitExceeded, "message too large")
	}
	c.out = out
	return c.flushFull()
}

// begin starts a message of a kind; end writes its length.
func (c *Conn) begin(kind byte) int {
	c.out = append(c.out, kind, 0, 0, 0, 0)
	return len(c.out) - 4
}

func (c *Conn) end(at int) error {
	binary.BigEndian.PutUint32(c.out[at:], uint32(len(c.out)-at))
	return c.flushFull()
}

// empty buffers a message without a body.
func (c *Conn) empty(kind byte) error { return c.end(c.begin(kind)) }

// ParseComplete, BindComplete and their like are answers without a body.
func (c *Conn) ParseComplete() error   { return c.empty('1') }
func (c *Conn) BindComplete() error    { return c.empty('2') }
func (c *Conn) CloseComplete() error   { return c.empty('3') }
func (c *Conn) NoData() error          { return c.empty('n') }
func (c *Conn) PortalSuspended() error { return c.empty('s') }
func (c *Conn) EmptyQuery() error      { return c.empty('I') }
func (c *Conn) CopyDone() error        { return c.empty('c') }

// CommandComplete ends a statement: SELECT 5.
func (c *Conn) CommandComplete(tag []byte) error {
	at := c.begin('C')
	c.out = append(c.out, tag...)
	c.out = append(c.out, 0)
	return c.end(at)
}

// ReadyForQuery says that the server waits, in transaction status I, T or E,
// and writes everything.
func (c *Conn) ReadyForQuery(status byte) error {
	at := c.begin('Z')
	c.out = append(c.out, status)
	if err := c.end(at); err != nil {
		return err
	}
	return c.Flush()
}

// ParameterStatus tells the client of a setting.
func (c *Conn) ParameterStatus(name, value string) error {
	at := c.begin('S')
	c.out = append(append(c.out, name...), 0)
	c.out = append(append(c.out, value...), 0)
	return c.end(at)
}

// BackendKeyData tells the client what to cancel by.
func (c *Conn) BackendKeyData(pid, secret uint32) error {
	return c.send(&pgproto3.BackendKeyData{ProcessID: pid, SecretKey: secret})
}

// ParameterDescription tells the types of a statement's parameters.
func (c *Conn) ParameterDescription(oids []types.T) error {
	at := c.begin('t')
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(oids)))
	for _, t := range oids {
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(t.OID))
	}
	return c.end(at)
}

// Error sends an ErrorResponse.
func (c *Conn) Error(e *sqlerr.Error) error { return c.report('E', e) }

// Notice sends a NoticeResponse.
func (c *Conn) Notice(e *sqlerr.Error) error { return c.report('N', e) }

func (c *Conn) report(kind byte, e *sqlerr.Error) error {
	at := c.begin(kind)
	field := func(code byte, value string) {
		if value != "" {
			c.out = append(c.out, code)
			c.out = append(append(c.out, printable(value)...), 0)
		}
	}
	field('S', string(e.Severity))
	field('V', string(e.Severity))
	field('C', string(e.Code))
	field('M', e.Message)
	if e.Message == "" {
		c.out = append(c.out, 'M', 0)
	}
	field('D', e.Detail)
	field('H', e.Hint)
	if e.Position > 0 {
		field('P', itoa(e.Position))
	}
	field('W', e.Context)
	field('s', e.Schema)
	field('t', e.Table)
	field('c', e.Column)
	field('d', e.DataType)
	field('n', e.Constraint)
	c.out = append(c.out, 0)
	return c.end(at)
}

// printable is text that a field of a message can hold: a zero byte would end it, so
// that the rest of the message is read as something else, and clients that decode
// UTF-8 fail at what is none. U+FFFD stands for both.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
