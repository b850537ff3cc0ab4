package pgwire

import (
	"encoding/binary"
	"errors"

	"quiver/sql/sqlerr"
)

// CopyIn asks the client for the data of COPY FROM STDIN with so many columns,
// in text or, all of them, binary.
func (c *Conn) CopyIn(columns int, binaryFormat bool) error {
	if err := c.copyResponse('G', columns, binaryFormat); err != nil {
		return err
	}
	return c.Flush()
}

// CopyOut announces the data of COPY TO STDOUT.
func (c *Conn) CopyOut(columns int, binaryFormat bool) error {
	return c.copyResponse('H', columns, binaryFormat)
}

func (c *Conn) copyResponse(kind byte, columns int, binaryFormat bool) error {
	format := byte(0)
	if binaryFormat {
		format = 1
	}
	at := c.begin(kind)
	c.out = append(c.out, format)
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(columns))
	for range columns {
		c.out = append(c.out, 0, format)
	}
	return c.end(at)
}

// ReadCopy returns the next piece of COPY data, valid until the next call; nil
// when the client has sent all of it. A CopyFail is 57014.
func (c *Conn) ReadCopy() ([]byte, error) {
	for {
		kind, body, err := c.in.message(messageLimit)
		if err != nil {
			var e *sqlerr.Error
			if errors.As(err, &e) {
				e.Severity = sqlerr.SeverityFatal
			}
			return nil, err
		}
		switch kind {
		case 'd':
			if len(body) > 0 {
				return body, nil
			}
		case 'c':
			return nil, nil
		case 'f':
			r := cursor{body}
			reason, err := r.str()
			if err != nil {
				return nil, err
			}
			return nil, sqlerr.New(sqlerr.QueryCanceled, "COPY from stdin failed: %s", reason)
		case 'H', 'S': // clients that pipeline send them blindly
		default:
			e := sqlerr.New(sqlerr.ProtocolViolation, "unexpected message type 0x%02X during COPY from stdin", kind)
			e.Severity = sqlerr.SeverityFatal // what follows cannot be told from data
			return nil, e
		}
	}
}

// CopyData buffers one piece of COPY TO data, which append writes.
func (c *Conn) CopyData(write func(dst []byte) ([]byte, error)) error {
	at := c.begin('d')
	out, err := write(c.out)
	if err != nil {
		c.out = c.out[:at-1]
		return err
	}
	c.out = out
	return c.end(at)
}
