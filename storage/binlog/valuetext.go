package binlog

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
)

// ValueText prints row i for dumps. (Arrow's ValueStr goes through JSON for
// nested types and panics at an infinity.)
func ValueText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.String:
		return strconv.Quote(a.Value(i))
	case *array.Binary:
		return "x" + hex.EncodeToString(a.Value(i))
	case *array.FixedSizeBinary:
		return "x" + hex.EncodeToString(a.Value(i))
	case *array.Decimal128:
		return decimalText(a.Value(i), int(a.DataType().(*arrow.Decimal128Type).Scale))
	case *array.List:
		from, to := a.ValueOffsets(i)
		return listText(a.ListValues(), int(from), int(to))
	case *array.FixedSizeList:
		n := int(a.DataType().(*arrow.FixedSizeListType).Len())
		at := (a.Data().Offset() + i) * n
		return listText(a.ListValues(), at, at+n)
	case *array.Struct:
		t := a.DataType().(*arrow.StructType)
		parts := make([]string, a.NumField())
		for f := range parts {
			parts[f] = t.Field(f).Name + ": " + ValueText(a.Field(f), i)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return a.ValueStr(i)
}

// decimalText is exact. (Num.ToString goes through floats and knows 38 scales.)
func decimalText(v decimal128.Num, scale int) string {
	if v == decimalNaN {
		return "NaN"
	}
	digits, negative := strings.CutPrefix(v.BigInt().String(), "-")
	if scale > 0 {
		digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	} else if digits != "0" {
		digits += strings.Repeat("0", -scale)
	}
	if negative {
		return "-" + digits
	}
	return digits
}

func listText(values arrow.Array, from, to int) string {
	parts := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		parts = append(parts, ValueText(values, i))
	}
	return "[" + strings.Join(parts, " ") + "]"
}
