package pgwire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgproto3/v2"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Handler is what a session does with messages. Each method sends its own
// answers on the Conn; an error is passed to Failed. Slices are valid during
// the call.
type Handler interface {
	// Query runs a simple query, which may hold several statements.
	Query(text string) error
	Parse(name, text string, paramTypes []types.OID) error
	Bind(b *Bind) error
	DescribeStatement(name string) error
	DescribePortal(name string) error
	// Execute runs a portal; maxRows 0 is no limit.
	Execute(portal string, maxRows int) error
	CloseStatement(name string) error
	ClosePortal(name string) error
	// Sync ends an implicit transaction.
	Sync() error
	// Failed ends what an error ends and returns what to tell the client.
	Failed(err error) *sqlerr.Error
	// Status is the transaction status: I, T or E.
	Status() byte
	// Idle is called before the connection waits for the next message, Busy
	// when one came.
	Idle()
	Busy()
}

// Bind is a Bind message.
type Bind struct {
	Portal, Statement string
	// ParamFormats and ResultFormats are 0 for text, 1 for binary: none, one
	// for all, or one each.
	ParamFormats, ResultFormats []int16
	// Params are the values; nil is null.
	Params [][]byte
}

// Format returns the format code of item i.
func Format(codes []int16, i int) int16 {
	switch {
	case len(codes) == 0:
		return 0
	case len(codes) == 1:
		return codes[0]
	case i < len(codes):
		return codes[i]
	}
	return 0
}

// messageLimit is the most bytes a message of a kind may have; -1 for a kind
// that clients do not send.
func messageLimit(kind byte) int {
	switch kind {
	case 'Q', 'P', 'B', 'F', 'd':
		return MessageBytesMax
	case 'C', 'D', 'E', 'H', 'S', 'X', 'c', 'f', 'p':
		return controlBytesMax
	}
	return -1
}

// Serve reads messages and has h handle them until the client leaves (nil), the
// stream breaks, or an error is fatal.
func (c *Conn) Serve(h Handler) error {
	if err := c.ReadyForQuery(h.Status()); err != nil {
		return err
	}
	skipping := false // until Sync, after an error in the extended protocol
	var bind Bind
	for {
		idle := !c.in.buffered()
		if idle {
			h.Idle()
		}
		kind, body, err := c.in.message(messageLimit)
		if idle {
			h.Busy()
		}
		if err != nil {
			return c.streamBroken(h, err)
		}
		if kind == 'X' {
			return nil
		}
		if skipping && kind != 'S' {
			continue
		}
		err = c.dispatch(h, kind, body, &bind)
		if kind == 'S' {
			skipping = false
		}
		if err == nil && kind != 'Q' && kind != 'S' && kind != 'F' {
			continue
		}
		if err != nil {
			e := h.Failed(err)
			if e == nil { // the client is gone
				return err
			}
			if e.Severity == sqlerr.SeverityFatal || e.Severity == sqlerr.SeverityPanic {
				c.Fatal(e)
				return err
			}
			if err := c.Error(e); err != nil {
				return err
			}
			if kind != 'Q' && kind != 'S' && kind != 'F' {
				// At once, as a client may wait for it before it sends Sync; the
				// Flush messages until then are skipped.
				if err := c.Flush(); err != nil {
					return err
				}
				skipping = true
				continue
			}
		}
		if err := c.ReadyForQuery(h.Status()); err != nil {
			return err
		}
	}
}

// streamBroken tells the client why nothing more is read from it: a message
// that cannot be framed, a timeout.
func (c *Conn) streamBroken(h Handler, err error) error {
	if e := h.Failed(err); e != nil {
		c.Fatal(e)
	}
	return err
}

// dispatch decodes one message and calls the handler. What pgproto3 makes of
// malformed bodies, panics included, is 08P01.
func (c *Conn) dispatch(h Handler, kind byte, body []byte, bind *Bind) error {
	switch kind {
	case 'Q':
		var m pgproto3.Query
		if err := decode(&m, body); err != nil {
			return err
		}
		return h.Query(m.String)
	case 'P':
		var m pgproto3.Parse
		if err := decode(&m, body); err != nil {
			return err
		}
		oids := make([]types.OID, len(m.ParameterOIDs))
		for i, oid := range m.ParameterOIDs {
			oids[i] = types.OID(oid)
		}
		return h.Parse(m.Name, m.Query, oids)
	case 'B':
		if err := bind.decode(body); err != nil {
			return err
		}
		return h.Bind(bind)
	case 'D':
		var m pgproto3.Describe
		if err := decode(&m, body); err != nil {
			return err
		}
		switch m.ObjectType {
		case 'S':
			return h.DescribeStatement(m.Name)
		case 'P':
			return h.DescribePortal(m.Name)
		}
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid DESCRIBE message subtype %d", m.ObjectType)
	case 'E':
		var m pgproto3.Execute
		if err := decode(&m, body); err != nil {
			return err
		}
		return h.Execute(m.Portal, int(int32(m.MaxRows)))
	case 'C':
		var m pgproto3.Close
		if err := decode(&m, body); err != nil {
			return err
		}
		switch m.ObjectType {
		case 'S':
			return h.CloseStatement(m.Name)
		case 'P':
			return h.ClosePortal(m.Name)
		}
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid CLOSE message subtype %d", m.ObjectType)
	case 'S':
		return h.Sync()
	case 'H':
		return c.Flush()
	case 'F':
		return sqlerr.Unsupported("function call by the protocol")
	case 'd', 'c', 'f':
		return nil // what is left of a COPY that failed
	}
	return sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", kind)
}

// decode fills m from body. A string without its end is what clients get wrong.
func decode(m pgproto3.FrontendMessage, body []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = sqlerr.Wrap(err, sqlerr.ProtocolViolation, "invalid string in message")
		}
	}()
	if err := m.Decode(body); err != nil {
		return err
	}
	return nil
}

// cursor reads a body with its bounds checked.
type cursor struct{ rest []byte }

func insufficient() *sqlerr.Error {
	return sqlerr.New(sqlerr.ProtocolViolation, "insufficient data left in message")
}

func (r *cursor) str() (string, error) {
	for i, b := range r.rest {
		if b == 0 {
			s := string(r.rest[:i])
			r.rest = r.rest[i+1:]
			return s, nil
		}
	}
	return "", sqlerr.New(sqlerr.ProtocolViolation, "invalid string in message")
}

func (r *cursor) int16() (int16, error) {
	if len(r.rest) < 2 {
		return 0, insufficient()
	}
	n := int16(binary.BigEndian.Uint16(r.rest))
	r.rest = r.rest[2:]
	return n, nil
}

func (r *cursor) int32() (int32, error) {
	if len(r.rest) < 4 {
		return 0, insufficient()
	}
	n := int32(binary.BigEndian.Uint32(r.rest))
	r.rest = r.rest[4:]
	return n, nil
}

func (r *cursor) formats(into []int16) ([]int16, error) {
	n, err := r.int16()
	if err != nil {
		return nil, err
	}
	into = into[:0]
	for range int(uint16(n)) {
		code, err := r.int16()
		if err != nil {
			return nil, err
		}
		if code != 0 && code != 1 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unsupported format code: %d", code)
		}
		into = append(into, code)
	}
	return into, nil
}

// decode fills b, whose slices are used again. It is written here because the
// library's allocates for each message and panics on negative lengths.
func (b *Bind) decode(body []byte) (err error) {
	r := cursor{body}
	if b.Portal, err = r.str(); err != nil {
		return err
	}
	if b.Statement, err = r.str(); err != nil {
		return err
	}
	if b.ParamFormats, err = r.formats(b.ParamFormats); err != nil {
		return err
	}
	n, err := r.int16()
	if err != nil {
		return err
	}
	b.Params = b.Params[:0]
	for i := range int(uint16(n)) {
		value, err := r.param()
		if err != nil {
			return b.paramContext(err, i)
		}
		b.Params = append(b.Params, value)
	}
	if b.ResultFormats, err = r.formats(b.ResultFormats); err != nil {
		return err
	}
	if len(r.rest) != 0 {
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid message format")
	}
	if len(b.ParamFormats) > 1 && len(b.ParamFormats) != len(b.Params) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d parameter formats but %d parameters",
			len(b.ParamFormats), len(b.Params))
	}
	return nil
}

func (r *cursor) param() ([]byte, error) {
	size, err := r.int32()
	if err != nil {
		return nil, err
	}
	if size == -1 {
		return nil, nil
	}
	if size < 0 || int(size) > len(r.rest) {
		return nil, insufficient()
	}
	value := r.rest[:size:size]
	r.rest = r.rest[size:]
	return value, nil
}

// paramContext says which parameter an error is about.
func (b *Bind) paramContext(err error, i int) error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		if b.Portal == "" {
			return e.WithContext("unnamed portal parameter $%d", i+1)
		}
		return e.WithContext(`portal "%s" parameter $%d`, b.Portal, i+1)
	}
	return err
}
