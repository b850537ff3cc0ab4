package funcs

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Functions that print values of any type.
func init() {
	specialized("concat(any)", func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
			if p.nullArray {
				return "", null
			}
			var b []byte
			for k := range p.len() {
				b = p.append(b, k)
			}
			return string(b), nil
		})
	})
	specialized("concat_ws(text,any)", func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 1, func(c *types.EvalContext, p printer) (string, error) {
			if p.isFixedNull(0) || p.nullArray {
				return "", null
			}
			separator := p.fixedText(0)
			var b []byte
			first := true
			for k := range p.len() {
				if p.isNull(k) {
					continue
				}
				if !first {
					b = append(b, separator...)
				}
				first = false
				b = p.append(b, k)
			}
			return string(b), nil
		})
	})
	format := func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 1, func(c *types.EvalContext, p printer) (string, error) {
			if p.isFixedNull(0) {
				return "", null
			}
			return formatText(p.fixedText(0), p)
		})
	}
	specialized("format(text,any)", format)
	specialized("format(text)", format)
	specialized("anytextcat(anynonarray,text)", func(call Signature) (types.Kernel, error) {
		return concatenate(call), nil
	})
	specialized("textanycat(text,anynonarray)", func(call Signature) (types.Kernel, error) {
		return concatenate(call), nil
	})
	specialized("quote_literal(anyelement)", func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
			if p.isNull(0) {
				return "", null
			}
			return quoteLiteral(string(p.append(nil, 0))), nil
		})
	})
	specialized("quote_nullable(anyelement)", func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) { return p.quoted(0), nil })
	})
	specialized("quote_nullable(text)", func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) { return p.quoted(0), nil })
	})
	kernel("quote_literal(text)", Lift1(quoteLiteral))
	kernel("quote_ident(text)", Lift1(QuoteIdentifier))
	specialized("num_nulls(any)", func(call Signature) (types.Kernel, error) { return countNulls(call, true) })
	specialized("num_nonnulls(any)", func(call Signature) (types.Kernel, error) { return countNulls(call, false) })
	specialized("pg_typeof(any)", func(call Signature) (types.Kernel, error) {
		oid := uint32(call.Args[0].OID)
		return Lift0(func(*types.EvalContext) (uint32, error) { return oid, nil }), nil
	})
}

// printer reads the arguments of one row of a call over "any": the fixed ones
// first, then len() others, which the elements of an array replace when the
// call was VARIADIC.
type printer struct {
	row    int
	args   []types.Vec
	types  []*types.Type
	fixed  int
	format *types.Format
	// view is the array that is spread, elem its element type.
	view      types.ArrayView
	elem      *types.Type
	variadic  bool
	nullArray bool
}

// anyKernel makes a kernel, not strict, of a function over any types.
func anyKernel[R any](call Signature, fixed int, f func(c *types.EvalContext, p printer) (R, error)) (types.Kernel, error) {
	p := printer{fixed: fixed, variadic: call.Variadic}
	for _, t := range call.Args {
		p.types = append(p.types, t.Type())
	}
	if call.Variadic {
		last := p.types[len(p.types)-1]
		if !isArray(last) {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "VARIADIC argument must be an array")
		}
		p.elem = types.ByOID(last.Elem)
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		p := p
		p.args, p.format = args, c.Format
		return fill(c, nil, n, func(i int) (R, error) {
			p.row = i
			if p.variadic {
				last := args[len(args)-1]
				p.nullArray = last.IsNull(i)
				if !p.nullArray {
					p.view = types.ArrayAt(last.Array, last.Row(i))
				}
			}
			return f(c, p)
		})
	}, nil
}

func (p *printer) len() int {
	switch {
	case p.nullArray:
		return 0
	case p.variadic:
		return p.view.Len()
	}
	return len(p.args) - p.fixed
}

// at returns where argument k is.
func (p *printer) at(k int) (a arrow.Array, i int, t *types.Type) {
	if p.variadic {
		return p.view.Elements, p.view.Start + k, p.elem
	}
	v := p.args[p.fixed+k]
	return v.Array, v.Row(p.row), p.types[p.fixed+k]
}

func (p *printer) isNull(k int) bool {
	a, i, _ := p.at(k)
	return a.IsNull(i)
}

// append appends the text of argument k, nothing for null.
func (p *printer) append(dst []byte, k int) []byte {
	a, i, t := p.at(k)
	if a.IsNull(i) {
		return dst
	}
	return t.AppendText(dst, a, i, p.format)
}

func (p *printer) quoted(k int) string {
	if p.isNull(k) {
		return "NULL"
	}
	return quoteLiteral(string(p.append(nil, k)))
}

func (p *printer) isFixedNull(k int) bool { return p.args[k].IsNull(p.row) }

func (p *printer) fixedText(k int) string {
	return p.args[k].Array.(*array.String).Value(p.args[k].Row(p.row))
}

// concatenate is || of a text and a value of any type.
func concatenate(call Signature) types.Kernel {
	left, right := call.Args[0].Type(), call.Args[1].Type()
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (string, error) {
			b := left.AppendText(nil, args[0].Array, args[0].Row(i), c.Format)
			return string(right.AppendText(b, args[1].Array, args[1].Row(i), c.Format)), nil
		})
	}
}

func countNulls(call Signature, nulls bool) (types.Kernel, error) {
	return anyKernel(call, 0, func(c *types.EvalContext, p printer) (int32, error) {
		if p.nullArray {
			return 0, null
		}
		count := int32(0)
		for k := range p.len() {
			if p.isNull(k) == nulls {
				count++
			}
		}
		return count, nil
	})
}

// quoteLiteral writes s as a string constant.
func quoteLiteral(s string) string {
	prefix := ""
	if strings.Contains(s, `\`) {
		prefix = "E"
	}
	return prefix + "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'"
}

// QuoteIdentifier writes s as an identifier, in double quotes where it needs
// them.
func QuoteIdentifier(s string) string {
	safe := s != ""
	for i := range len(s) {
		c := s[i]
		safe = safe && (c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9')
	}
	if safe {
		if _, reserved := slices.BinarySearch(reservedWords, s); !reserved {
			return s
		}
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// formatText is format(): %[position$][flags][width]type.
func formatText(text string, p printer) (string, error) {
	var b []byte
	next := 0
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		d := directive{text: text, i: i + 1}
		if d.i < len(text) && text[d.i] == '%' {
			b = append(b, '%')
			i++
			continue
		}
		if err := d.parse(); err != nil {
			return "", err
		}
		i = d.i
		width, hasWidth := d.width, d.hasWidth
		if d.starred {
			var err error
			if width, err = p.formatWidth(&next, d.widthArg); err != nil {
				return "", err
			}
			hasWidth = true
		}
		kind := text[d.i]
		if kind != 's' && kind != 'I' && kind != 'L' {
			r, _ := utf8.DecodeRuneInString(text[d.i:])
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized format() type specifier \"%c\"", r).
				WithHint("For a single \"%%\" use \"%%%%\".")
		}
		k, err := p.formatArg(&next, d.position)
		if err != nil {
			return "", err
		}
		var item string
		switch {
		case kind == 'L':
			item = p.quoted(k)
		case kind == 'I' && p.isNull(k):
			return "", sqlerr.New(sqlerr.NullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
		case kind == 'I':
			item = QuoteIdentifier(string(p.append(nil, k)))
		default:
			item = string(p.append(nil, k))
		}
		if hasWidth {
			item = justify(item, width, d.leftAlign)
		}
		b = append(b, item...)
	}
	return string(b), nil
}

// formatArg returns the argument for a position (from 1), or the next one for
// 0.
func (p *printer) formatArg(next *int, position int) (int, error) {
	if position > 0 {
		*next = position
	} else {
		*next++
	}
	if *next > p.len() {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "too few arguments for format()")
	}
	return *next - 1, nil
}

// formatWidth reads the width that an argument gives.
func (p *printer) formatWidth(next *int, position int) (int, error) {
	k, err := p.formatArg(next, position)
	if err != nil || p.isNull(k) {
		return 0, err
	}
	v, err := types.ParseInt(string(p.append(nil, k)), "integer", -1<<31, 1<<31-1)
	return int(v), err
}

// justify pads to |width| characters, at the right when leftAlign is set or
// width is negative.
func justify(s string, width int, leftAlign bool) string {
	if width < 0 {
		width, leftAlign = -width, true
	}
	missing := width - utf8.RuneCountInString(s)
	if missing <= 0 {
		return s
	}
	if leftAlign {
		return s + strings.Repeat(" ", missing)
	}
	return strings.Repeat(" ", missing) + s
}

// directive is one % item of format(), read from text[i:].
type directive struct {
	text      string
	i         int
	position  int
	leftAlign bool
	hasWidth  bool
	width     int
	starred   bool
	widthArg  int
}

func errUnterminated() error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "unterminated format() type specifier").
		WithHint("For a single \"%%\" use \"%%%%\".")
}

// digits reads a number; ok is false when there is none.
func (d *directive) digits() (n int, ok bool, err error) {
	for d.i < len(d.text) && d.text[d.i] >= '0' && d.text[d.i] <= '9' {
		n = n*10 + int(d.text[d.i]-'0')
		if n > 1<<31-1 {
			return 0, false, sqlerr.New(sqlerr.NumericValueOutOfRange, "number is out of range")
		}
		ok = true
		d.i++
	}
	if d.i >= len(d.text) {
		return 0, false, errUnterminated()
	}
	return n, ok, nil
}

// parse leaves i at the type letter.
func (d *directive) parse() error {
	n, ok, err := d.digits()
	if err != nil {
		return err
	}
	if ok {
		if d.text[d.i] != '$' {
			d.width, d.hasWidth = n, true
			return nil
		}
		if n == 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
		}
		d.position = n
		d.i++
	}
	for d.i < len(d.text) && d.text[d.i] == '-' {
		d.leftAlign = true
		d.i++
	}
	if d.i >= len(d.text) {
		return errUnterminated()
	}
	if d.text[d.i] == '*' {
		d.i++
		d.starred = true
		n, ok, err := d.digits()
		if err != nil || !ok {
			return err
		}
		if d.text[d.i] != '$' {
			return sqlerr.New(sqlerr.InvalidParameterValue, "width argument position must be ended by \"$\"")
		}
		if n == 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
		}
		d.widthArg = n
		d.i++
		if d.i >= len(d.text) {
			return errUnterminated()
		}
		return nil
	}
	d.width, d.hasWidth, err = d.digits()
	return err
}
