package funcs

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Sets of the members of json and jsonb.
func init() {
	for _, kind := range []string{"json", "jsonb"} {
		rows(kind+"_object_keys("+kind+")", jsonRows(1, func(v jsonValue, add func(...jsonCell)) error {
			switch {
			case v.isArray():
				return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s_object_keys on an array", kind)
			case !v.isObject():
				return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s_object_keys on a scalar", kind)
			}
			v.members(func(key, _ jsonValue) bool { add(jsonCell{key, true}); return true })
			return nil
		}))
		for _, text := range []bool{false, true} {
			suffix := ""
			if text {
				suffix = "_text"
			}
			elements, each := kind+"_array_elements"+suffix, kind+"_each"+suffix
			rows(elements+"("+kind+")", jsonRows(1, func(v jsonValue, add func(...jsonCell)) error {
				if err := jsonNoArray(v, kind, elements); err != nil {
					return err
				}
				v.elements(func(e jsonValue) bool { add(jsonCell{e, text}); return true })
				return nil
			}))
			rows(each+"("+kind+")", jsonRows(2, func(v jsonValue, add func(...jsonCell)) error {
				if err := jsonNoObject(v, kind, each); err != nil {
					return err
				}
				v.members(func(key, value jsonValue) bool {
					add(jsonCell{key, true}, jsonCell{value, text})
					return true
				})
				return nil
			}))
		}
	}
}

func jsonNoArray(v jsonValue, kind, function string) error {
	switch {
	case v.isArray():
		return nil
	case kind == "jsonb" && v.isObject():
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from an object")
	case kind == "jsonb":
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from a scalar")
	case v.isObject():
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-array", function)
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", function)
}

func jsonNoObject(v jsonValue, kind, function string) error {
	switch {
	case v.isObject():
		return nil
	case kind == "jsonb":
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-object", function)
	case v.isArray():
		return sqlerr.New(sqlerr.InvalidParameterValue, "cannot deconstruct an array as an object")
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "cannot deconstruct a scalar")
}

// jsonCell is a value of a result, given as text or as JSON.
type jsonCell struct {
	value jsonValue
	text  bool
}

// jsonRows makes a set-returning function of the members of one value.
func jsonRows(width int, members func(v jsonValue, add func(...jsonCell)) error) RowsKernel {
	return func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
		x := open[string](args[0])
		it := &jsonIterator{c: c, columns: make([][]jsonCell, width)}
		return it, members(jsonOf(x.get(0)), func(cells ...jsonCell) {
			for k, cell := range cells {
				it.columns[k] = append(it.columns[k], cell)
			}
		})
	}
}

type jsonIterator struct {
	c       *types.EvalContext
	columns [][]jsonCell
}

// Next returns the next batch.
func (it *jsonIterator) Next(ctx context.Context) ([]arrow.Array, error) {
	if err := ctx.Err(); err != nil || len(it.columns[0]) == 0 {
		return nil, err
	}
	n := min(rowsBatch, len(it.columns[0]))
	var out []arrow.Array
	for k, cells := range it.columns {
		a, err := fill(it.c, nil, n, func(i int) (string, error) {
			if cells[i].text {
				return cells[i].value.text()
			}
			return cells[i].value.json()
		})
		if err != nil {
			for _, done := range out {
				done.Release()
			}
			return nil, err
		}
		out = append(out, a)
		it.columns[k] = cells[n:]
	}
	return out, nil
}
