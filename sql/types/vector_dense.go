package types

import (
	"math"
	"strconv"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// dense is what vector and halfvec share: the text form and the limits. They
// differ in the name that errors give and in the range of elements.
type dense struct {
	name string
	half bool
}

var (
	denseVector  = &dense{name: "vector"}
	denseHalfvec = &dense{name: "halfvec", half: true}
)

func (d *dense) checkDimensions(n int, mod int32) error {
	switch {
	case n < 1:
		return d.errNoDimensions()
	case n > VectorDimensionsMax:
		return d.errTooManyDimensions()
	case mod > 0 && n != int(mod):
		return errExpectedDimensions(int(mod), n)
	}
	return nil
}

func (d *dense) errNoDimensions() error {
	return sqlerr.New(sqlerr.DataException, "%s must have at least 1 dimension", d.name)
}

func (d *dense) errTooManyDimensions() error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "%s cannot have more than %d dimensions", d.name, VectorDimensionsMax)
}

func errExpectedDimensions(want, have int) error {
	return sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", want, have)
}

// checkElement refuses NaN and infinity.
func (d *dense) checkElement(x float32) error { return checkFinite(d.name, x) }

func checkFinite(typeName string, x float32) error {
	switch {
	case x != x:
		return sqlerr.New(sqlerr.DataException, "NaN not allowed in %s", typeName)
	case x > math.MaxFloat32 || x < -math.MaxFloat32:
		return sqlerr.New(sqlerr.DataException, "infinite value not allowed in %s", typeName)
	}
	return nil
}

// errElementRange is 22003 for an element that text spells.
func errElementRange(typeName, text string) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", text, typeName)
}

// scratch holds the elements of a vector until all of it is known to be good.
var scratch = sync.Pool{New: func() any { return new([]float32) }}

func (d *dense) parseText(b array.Builder, s string, mod int32) error {
	buf := scratch.Get().(*[]float32)
	defer scratch.Put(buf)
	v, err := d.parse((*buf)[:0], s)
	*buf = v
	if err != nil {
		return err
	}
	if err := d.checkDimensions(len(v), mod); err != nil {
		return err
	}
	if d.half {
		appendHalves(b, v)
	} else {
		AppendVector(b, v)
	}
	return nil
}

// ParseVector appends the elements of the text form s to dst, with pgvector's
// rules and errors.
func ParseVector(dst []float32, s string) ([]float32, error) { return denseVector.parse(dst, s) }

func (d *dense) parse(dst []float32, s string) ([]float32, error) {
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '[' {
		return dst, invalidText(d.name, s).WithDetail("Vector contents must start with \"[\".")
	}
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == ']' {
		return dst, d.errNoDimensions()
	}
	for start := len(dst); ; i++ {
		if len(dst)-start == VectorDimensionsMax {
			return dst, d.errTooManyDimensions()
		}
		if i < len(s) && isSpace(s[i]) {
			i = skipSpace(s, i)
		}
		x, end := scanPlain(s, i)
		if end == i {
			var err error
			if x, end, err = d.scanElement(s, i); err != nil {
				return dst, err
			}
		}
		if d.half && beyondHalf(x) {
			return dst, errElementRange(d.name, s[i:end])
		}
		dst = append(dst, x)
		i = end
		if i < len(s) && isSpace(s[i]) {
			i = skipSpace(s, i)
		}
		if i < len(s) && s[i] == ',' {
			continue
		}
		if i >= len(s) || s[i] != ']' {
			return dst, invalidText(d.name, s)
		}
		if skipSpace(s, i+1) != len(s) {
			return dst, invalidText(d.name, s).WithDetail("Junk after closing right brace.")
		}
		return dst, nil
	}
}

// scanElement reads an element in any spelling of strtof.
func (d *dense) scanElement(s string, i int) (x float32, end int, err error) {
	x, n, outcome := scanFloat32(s[i:])
	switch {
	case n == 0:
		return 0, i, invalidText(d.name, s)
	case outcome == overflows:
		return 0, i, errElementRange(d.name, s[i:i+n])
	}
	return x, i + n, d.checkElement(x)
}

func (d *dense) parseMod(args []string) (int32, error) {
	return parseDimensions(args, d.name, VectorDimensionsMax)
}

// parseDimensions reads the modifier of a vector type.
func parseDimensions(args []string, typeName string, limit int32) (int32, error) {
	n, err := oneMod(args)
	switch {
	case err != nil:
		return 0, err
	case n < 1:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "dimensions for type %s must be at least 1", typeName)
	case n > limit:
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "dimensions for type %s cannot exceed %d", typeName, limit)
	}
	return n, nil
}

func formatDimensions(mod int32) string { return "(" + strconv.Itoa(int(mod)) + ")" }

// coerceDense checks dimensions and gives a type with a modifier its fixed
// layout.
func coerceDense[E any](
	d *dense, c *EvalContext, a arrow.Array, mod int32, at func(arrow.Array, int) []E, add func(array.Builder, []E),
) (arrow.Array, error) {
	if fixed, ok := a.DataType().(*arrow.FixedSizeListType); mod <= 0 || ok && fixed.Len() == mod {
		a.Retain()
		return a, nil
	}
	oid := VectorOID
	if d.half {
		oid = HalfvecOID
	}
	b := NewBuilder(T{OID: oid, Mod: mod}, c.Mem)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := at(a, i)
		if err := d.checkDimensions(len(v), mod); err != nil {
			return nil, err
		}
		add(b, v)
	}
	return b.NewArray(), nil
}
