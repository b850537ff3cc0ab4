package copyformat

import (
	"encoding/binary"
	"errors"

	"quiver/sql/sqlerr"
)

// binarySignature begins a binary COPY, before a flags word and the length of
// a header extension (manual, COPY, "Binary Format").
const binarySignature = "PGCOPY\n\xff\r\n\x00"

const (
	binaryHeaderBytes = len(binarySignature) + 8
	flagOIDs          = 1 << 16
	flagsCritical     = 0xffff << 16 // a reader must know these
)

func (r *Reader) badFormat(format string, args ...any) error {
	return sqlerr.New(sqlerr.BadCopyFileFormat, format, args...).WithContext("%s", r.Context())
}

// binaryHeader reads the header at the start of data; 0 when it is not all
// there yet.
func (r *Reader) binaryHeader(data []byte) (int, error) {
	if len(data) >= len(binarySignature) && string(data[:len(binarySignature)]) != binarySignature {
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "COPY file signature not recognized").WithContext("COPY %s", r.table)
	}
	if len(data) < binaryHeaderBytes {
		return 0, nil
	}
	flags := binary.BigEndian.Uint32(data[len(binarySignature):])
	extension := int32(binary.BigEndian.Uint32(data[len(binarySignature)+4:]))
	switch {
	case flags&flagOIDs != 0:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "invalid COPY file header (WITH OIDS)").WithContext("COPY %s", r.table)
	case flags&flagsCritical != 0:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "unrecognized critical flags in COPY file header").WithContext("COPY %s", r.table)
	case extension < 0:
		return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "invalid COPY file header (missing length)").WithContext("COPY %s", r.table)
	}
	if len(data)-binaryHeaderBytes < int(extension) {
		return 0, nil
	}
	return binaryHeaderBytes + int(extension), nil
}

func (r *Reader) consumeBinary(data []byte) (int, error) {
	done := 0
	if r.header {
		n, err := r.binaryHeader(data)
		if err != nil || n == 0 {
			return 0, err
		}
		r.header = false
		done = n
	}
	for !r.ended {
		rest := data[done:]
		if len(rest) < 2 {
			return done, nil
		}
		fields := int16(binary.BigEndian.Uint16(rest))
		if fields == -1 {
			r.ended = true
			if len(rest) > 2 {
				return done, r.badFormat("received copy data after EOF marker")
			}
			return done + 2, nil
		}
		if int(fields) != len(r.columns) {
			r.line++
			return done, r.badFormat("row field count is %d, expected %d", fields, len(r.columns))
		}
		// The whole row must be there before any of it is appended.
		length, err := r.binaryRowLength(rest)
		if err != nil {
			return done, err
		}
		if length == 0 {
			return done, nil
		}
		r.line++
		if err := r.binaryRow(rest[2:length]); err != nil {
			return done, err
		}
		r.endRow(r.line, length)
		done += length
	}
	return done, nil
}

// binaryRowLength is the length of the row at the start of data, 0 when it is
// not all there.
func (r *Reader) binaryRowLength(data []byte) (int, error) {
	at := 2
	for range r.columns {
		if len(data) < at+4 {
			return 0, nil
		}
		n := int32(binary.BigEndian.Uint32(data[at:]))
		at += 4
		switch {
		case n == -1:
			continue
		case n < -1:
			r.line++
			return 0, r.badFormat("invalid field size")
		}
		at += int(n)
		if at > rowBytesMax {
			r.line++
			return 0, r.badFormat("invalid field size")
		}
	}
	if len(data) < at {
		return 0, nil
	}
	return at, nil
}

func (r *Reader) binaryRow(data []byte) error {
	for i, typ := range r.parsers {
		n := int32(binary.BigEndian.Uint32(data))
		data = data[4:]
		if n == -1 {
			r.builders[i].AppendNull()
			continue
		}
		if typ.ParseBinary == nil {
			return sqlerr.New(sqlerr.UndefinedFunction, "no binary input function available for type %s", typ.SQLName)
		}
		if err := typ.ParseBinary(r.builders[i], data[:n], r.columns[i].Type.Mod); err != nil {
			var e *sqlerr.Error
			if errors.As(err, &e) {
				return e.WithContext("%s, column %s", r.Context(), r.columns[i].Name)
			}
			return err
		}
		data = data[n:]
	}
	return nil
}
