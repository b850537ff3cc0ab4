package funcs

import (
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/types"
)

func init() {
	kernels("string_to_array(text,text) string_to_array(text,text,text)", stringToArray)
	for _, args := range []string{"text,text", "text,text,text"} {
		rows("string_to_table("+args+")", func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
			if args[0].IsNull(0) {
				return noRows{}, nil
			}
			parts, nulls := splitArguments(args, 0)
			k := 0
			return &sequence[string]{context: c, next: func() (string, bool, error) {
				if k == len(parts) {
					return "", false, nil
				}
				k++
				return parts[k-1], true, nullIf(nulls[k-1])
			}}, nil
		})
	}
}

// splitArguments cuts a text at a delimiter: into characters for a null one,
// not at all for an empty one. Parts equal to the third argument are null.
func splitArguments(args []types.Vec, i int) (parts []string, nulls []bool) {
	at := func(k int) string { return args[k].Array.(*array.String).Value(args[k].Row(i)) }
	s := at(0)
	switch {
	case s == "":
	case args[1].IsNull(i):
		for len(s) > 0 {
			_, size := utf8.DecodeRuneInString(s)
			parts = append(parts, s[:size])
			s = s[size:]
		}
	case at(1) == "":
		parts = []string{s}
	default:
		parts = strings.Split(s, at(1))
	}
	nulls = make([]bool, len(parts))
	if len(args) == 3 && !args[2].IsNull(i) {
		for k, part := range parts {
			nulls[k] = part == at(2)
		}
	}
	return parts, nulls
}

func stringToArray(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	b := types.NewBuilder(types.Of(types.TextArrayOID), c.Mem)
	defer b.Release()
	for i := range n {
		if args[0].IsNull(i) {
			b.AppendNull()
			continue
		}
		parts, nulls := splitArguments(args, i)
		elements := types.BeginArray(b).(*array.StringBuilder)
		for k, part := range parts {
			if nulls[k] {
				elements.AppendNull()
			} else {
				elements.Append(part)
			}
		}
		types.FinishArray(b, nil)
	}
	return b.NewArray(), nil
}
