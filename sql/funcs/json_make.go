package funcs

import (
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// JSON of values of any type.
func init() {
	for _, kind := range []string{"json", "jsonb"} {
		specialized("to_"+kind+"(anyelement)", func(call Signature) (types.Kernel, error) {
			return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
				a, i, _ := p.at(0)
				if a.IsNull(i) {
					return "", null
				}
				return jsonDone(kind, appendJSON(nil, call.Args[0], a, i))
			})
		})
		build := func(call Signature) (types.Kernel, error) {
			return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
				if p.nullArray {
					return "", null
				}
				return buildArray(kind, call, &p)
			})
		}
		specialized(kind+"_build_array(any)", build)
		specialized(kind+"_build_array()", build)
		object := func(call Signature) (types.Kernel, error) {
			return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
				if p.nullArray {
					return "", null
				}
				return buildObject(kind, call, &p)
			})
		}
		specialized(kind+"_build_object(any)", object)
		specialized(kind+"_build_object()", object)
		aggregate(kind+"_agg(anyelement)", func(spec AggregateSpec) (Accumulator, error) {
			return &jsonCollector{kind: kind, args: spec.Args}, nil
		})
		aggregate(kind+"_object_agg(any,any)", func(spec AggregateSpec) (Accumulator, error) {
			return &jsonCollector{kind: kind, args: spec.Args}, nil
		})
	}
	rowJSON := func(call Signature) (types.Kernel, error) {
		return anyKernel(call, 0, func(c *types.EvalContext, p printer) (string, error) {
			a, i, _ := p.at(0)
			if a.IsNull(i) {
				return "", null
			}
			return string(appendJSON(nil, call.Args[0], a, i)), nil
		})
	}
	specialized("row_to_json(record)", rowJSON)
	specialized("array_to_json(anyarray)", rowJSON)
}

// jsonDone is a text that was put together, as its type has it.
func jsonDone(kind string, text []byte) (string, error) {
	if kind == "jsonb" {
		return types.NormalizeJSON(string(text))
	}
	return string(text), nil
}

// appendJSON appends value i of a as JSON: to_json of the manual.
func appendJSON(dst []byte, t types.T, a arrow.Array, i int) []byte {
	if a.IsNull(i) || a.DataType().ID() == arrow.NULL {
		return append(dst, "null"...)
	}
	typ := t.Type()
	switch {
	case isArray(typ):
		v := types.ArrayAt(a, i)
		at := v.Start
		return appendJSONArray(dst, types.T{OID: typ.Elem, Mod: t.Mod}, &v, 0, &at)
	case t.OID == types.RecordOID:
		return appendJSONRecord(dst, t, a.(*array.Struct), i)
	}
	switch t.OID {
	case types.JSONOID, types.JSONBOID:
		return typ.AppendText(dst, a, i, types.DefaultFormat())
	case types.BoolOID:
		if a.(*array.Boolean).Value(i) {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	}
	text := string(typ.AppendText(nil, a, i, types.DefaultFormat()))
	switch t.OID {
	case types.Int2OID, types.Int4OID, types.Int8OID, types.Float4OID, types.Float8OID, types.NumericOID:
		if c := text[len(text)-1]; c >= '0' && c <= '9' { // no NaN, no Infinity
			return append(dst, text...)
		}
	case types.TimestampOID, types.TimestamptzOID:
		// ISO 8601's form.
		text = strings.Replace(text, " ", "T", 1)
		if t.OID == types.TimestamptzOID && len(text) > 3 && (text[len(text)-3] == '+' || text[len(text)-3] == '-') {
			text += ":00"
		}
	}
	return types.AppendJSONString(dst, text)
}

// appendJSONArray appends dimension d of an array, whose next element is at.
func appendJSONArray(dst []byte, elem types.T, v *types.ArrayView, d int, at *int) []byte {
	if v.NDims() == 0 {
		return append(dst, "[]"...)
	}
	dst = append(dst, '[')
	for k := range v.Dim(d) {
		if k > 0 {
			dst = append(dst, ',')
		}
		if d+1 < v.NDims() {
			dst = appendJSONArray(dst, elem, v, d+1, at)
			continue
		}
		dst = appendJSON(dst, elem, v.Elements, *at)
		*at++
	}
	return append(dst, ']')
}

func appendJSONRecord(dst []byte, t types.T, a *array.Struct, i int) []byte {
	names, fields := types.RecordFields(t)
	dst = append(dst, '{')
	for k, name := range names {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(types.AppendJSONString(dst, name), ':')
		dst = appendJSON(dst, fields[k], a.Field(k), i)
	}
	return append(dst, '}')
}

// typeAt is the type of argument k of a call over "any".
func (p *printer) typeAt(call Signature, k int) types.T {
	if p.variadic {
		return types.Of(p.elem.OID)
	}
	return call.Args[p.fixed+k]
}

func buildArray(kind string, call Signature, p *printer) (string, error) {
	dst := []byte{'['}
	for k := range p.len() {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		a, i, _ := p.at(k)
		dst = appendJSON(dst, p.typeAt(call, k), a, i)
	}
	return jsonDone(kind, append(dst, ']'))
}

func buildObject(kind string, call Signature, p *printer) (string, error) {
	if p.len()%2 != 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of %s_build_object() must consist of alternating keys and values.", kind)
	}
	dst := []byte{'{'}
	for k := 0; k < p.len(); k += 2 {
		if k > 0 {
			dst = append(dst, ", "...)
		}
		a, i, _ := p.at(k)
		if a.IsNull(i) {
			err := sqlerr.New(sqlerr.InvalidParameterValue, "argument %d cannot be null", k+1).WithHint("Object keys should be text.")
			if kind == "jsonb" {
				err = sqlerr.New(sqlerr.InvalidParameterValue, "argument %d: key must not be null", k+1)
			}
			return "", err
		}
		var err error
		if dst, err = appendJSONKey(dst, p.typeAt(call, k), a, i); err != nil {
			return "", err
		}
		if dst = append(dst, ": "...); kind == "json" {
			dst = append(dst[:len(dst)-2], " : "...)
		}
		a, i, _ = p.at(k + 1)
		dst = appendJSON(dst, p.typeAt(call, k+1), a, i)
	}
	return jsonDone(kind, append(dst, '}'))
}

// appendJSONKey appends a value as the key of an object.
func appendJSONKey(dst []byte, t types.T, a arrow.Array, i int) ([]byte, error) {
	typ := t.Type()
	if isArray(typ) || t.OID == types.RecordOID || t.OID == types.JSONOID || t.OID == types.JSONBOID {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
	}
	return types.AppendJSONString(dst, string(typ.AppendText(nil, a, i, types.DefaultFormat()))), nil
}

// jsonCollector is json_agg of one argument and json_object_agg of two.
type jsonCollector struct {
	kind   string
	args   []types.T
	groups []seen[[]byte]
	bytes  int64
}

func (j *jsonCollector) Update(_ *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error {
	j.groups = grown(j.groups, ngroups)
	for i := range n {
		g := &j.groups[groups[i]]
		before := cap(g.value)
		if g.ok {
			g.value = append(g.value, ", "...)
		}
		g.ok = true
		if len(args) == 2 {
			if args[0].IsNull(i) {
				return sqlerr.New(sqlerr.InvalidParameterValue, "field name must not be null")
			}
			var err error
			if g.value, err = appendJSONKey(g.value, j.args[0], args[0].Array, args[0].Row(i)); err != nil {
				return err
			}
			g.value = append(g.value, " : "...)
		}
		last := args[len(args)-1]
		g.value = appendJSON(g.value, j.args[len(args)-1], last.Array, last.Row(i))
		j.bytes += int64(cap(g.value) - before)
		if len(g.value) > maxValueBytes {
			return errTooLong()
		}
	}
	return nil
}

func (j *jsonCollector) Result(c *types.EvalContext, ngroups int) (arrow.Array, error) {
	j.groups = grown(j.groups, ngroups)
	return fill(c, nil, ngroups, func(i int) (string, error) {
		if !j.groups[i].ok {
			return "", null
		}
		text := make([]byte, 0, len(j.groups[i].value)+4)
		if len(j.args) == 1 {
			return jsonDone(j.kind, append(append(append(text, '['), j.groups[i].value...), ']'))
		}
		return jsonDone(j.kind, append(append(append(text, "{ "...), j.groups[i].value...), " }"...))
	})
}

func (j *jsonCollector) Bytes() int64 { return j.bytes + int64(cap(j.groups))*32 }
