package pgwire

import (
	"encoding/binary"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Column describes a result column.
type Column struct {
	Name string
	Type types.T
	// Table and Attribute are where it comes from; 0 when computed.
	Table     types.OID
	Attribute int16
}

// RowDescription tells the columns of a result, each in its format.
func (c *Conn) RowDescription(columns []Column, formats []int16) error {
	at := c.begin('T')
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(columns)))
	for i, col := range columns {
		size := int16(-1)
		if t := types.ByOID(col.Type.OID); t != nil {
			size = t.Len
		}
		c.out = append(append(c.out, col.Name...), 0)
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(col.Table))
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(col.Attribute))
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(col.Type.OID))
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(size))
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(col.Type.Mod))
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(Format(formats, i)))
	}
	return c.end(at)
}

// RowEncoder knows how the columns of a result are written.
type RowEncoder struct {
	columns []columnEncoder
}

type columnEncoder struct {
	typ    *types.Type
	binary bool
}

// NewRowEncoder returns an encoder for columns in formats. A type without the
// asked form is 0A000.
func NewRowEncoder(columns []Column, formats []int16) (*RowEncoder, error) {
	e := &RowEncoder{columns: make([]columnEncoder, len(columns))}
	for i, col := range columns {
		typ := types.ByOID(col.Type.OID)
		enc := columnEncoder{typ, Format(formats, i) == 1}
		switch {
		case typ == nil:
			return nil, sqlerr.New(sqlerr.InternalError, "no type with OID %d", col.Type.OID)
		case enc.binary && typ.AppendBinary == nil:
			return nil, sqlerr.New(sqlerr.UndefinedFunction, "no binary output function available for type %s", typ.SQLName)
		case !enc.binary && typ.AppendText == nil:
			return nil, sqlerr.New(sqlerr.UndefinedFunction, "no output function available for type %s", typ.SQLName)
		}
		e.columns[i] = enc
	}
	return e, nil
}

// Row buffers row i of columns as a DataRow.
func (c *Conn) Row(e *RowEncoder, columns []arrow.Array, i int, f *types.Format) error {
	at := c.begin('D')
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(columns)))
	for k, col := range columns {
		if col.IsNull(i) {
			c.out = append(c.out, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		mark := len(c.out)
		c.out = append(c.out, 0, 0, 0, 0)
		if enc := &e.columns[k]; enc.binary {
			c.out = enc.typ.AppendBinary(c.out, col, i)
		} else {
			c.out = enc.typ.AppendText(c.out, col, i, f)
		}
		binary.BigEndian.PutUint32(c.out[mark:], uint32(len(c.out)-mark-4))
	}
	if len(c.out)-at > MessageBytesMax {
		c.out = c.out[:at-1]
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "row is too large")
	}
	return c.end(at)
}
