package types

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// nameLengthMax is NAMEDATALEN - 1: the bytes of a name.
const nameLengthMax = 63

// varcharLengthMax is MaxAttrSize: the largest n of varchar(n) and char(n).
const varcharLengthMax = 10485760

func registerStrings() {
	define(stringType(&Type{
		OID: TextOID, Name: "text", Len: -1, Align: 'i', Storage: 'x', Preferred: true, Array: TextArrayOID,
	}))
	define(stringType(&Type{
		OID: VarcharOID, Name: "varchar", SQLName: "character varying", Len: -1, Align: 'i', Storage: 'x', Array: VarcharArrayOID,
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			return appendString(b, s, func(s string) (string, error) { return fitVarchar(s, mod, false) })
		},
		ParseMod:  parseLengthMod("varchar"),
		FormatMod: formatLengthMod,
		Coerce:    coerceStrings(fitVarchar),
	}))
	define(stringType(&Type{
		OID: BPCharOID, Name: "bpchar", SQLName: "character", Len: -1, Align: 'i', Storage: 'x', Array: BPCharArrayOID,
		ParseText: func(b array.Builder, s string, mod int32, _ *Format) error {
			return appendString(b, s, func(s string) (string, error) { return fitBPChar(s, mod, false) })
		},
		ParseMod:  parseLengthMod("char"),
		FormatMod: formatLengthMod,
		Coerce:    coerceStrings(fitBPChar),
		Compare: func(a arrow.Array, i int, b arrow.Array, j int) int {
			return strings.Compare(TrimBlanks(stringAt(a, i)), TrimBlanks(stringAt(b, j)))
		},
		AppendKey: func(dst []byte, a arrow.Array, i int) []byte {
			return keyBytes(dst, TrimBlanks(stringAt(a, i)))
		},
	}))
	define(stringType(&Type{
		OID: NameOID, Name: "name", Len: 64, Align: 'c', Storage: 'p', Elem: CharOID, Array: NameArrayOID,
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			return appendString(b, s, func(s string) (string, error) { return ClipName(s), nil })
		},
	}))
	define(stringType(&Type{
		OID: CharOID, Name: "char", SQLName: `"char"`, Len: 1, ByVal: true, Align: 'c', Storage: 'p',
		Category: CategoryInternal, Array: CharArrayOID,
		ParseText: func(b array.Builder, s string, _ int32, _ *Format) error {
			return appendString(b, s, func(s string) (string, error) { return firstByte(s), nil })
		},
		AppendBinary: func(dst []byte, a arrow.Array, i int) []byte {
			if s := stringAt(a, i); s != "" {
				return append(dst, s[0])
			}
			return append(dst, 0)
		},
		ParseBinary: func(b array.Builder, data []byte, _ int32) error {
			if err := wantLength(data, 1); err != nil {
				return err
			}
			b.(*array.StringBuilder).Append(firstByte(string(data)))
			return nil
		},
	}))
	unknown := stringType(&Type{
		OID: UnknownOID, Name: "unknown", SQLName: "unknown", Kind: 'p', Len: -2, Align: 'c', Storage: 'p',
		Category: CategoryUnknown, Delim: ',',
	})
	register(unknown)
	register(stringType(&Type{
		OID: CStringOID, Name: "cstring", SQLName: "cstring", Kind: 'p', Len: -2, Align: 'c', Storage: 'p',
		Category: CategoryPseudo, Delim: ',', Array: CStringArrayOID,
	}))
	register(arrayOf(ByOID(CStringOID)))
	define(stringType(&Type{OID: XMLOID, Name: "xml", Len: -1, Align: 'i', Storage: 'x', Category: CategoryUserDefined, Array: XMLArrayOID}))
	define(stringType(&Type{OID: PgNodeTreeOID, Name: "pg_node_tree", Len: -1, Align: 'i', Storage: 'x', Category: CategoryInternal}))
	define(stringType(&Type{OID: ACLItemOID, Name: "aclitem", Len: 12, Align: 'i', Storage: 'p', Category: CategoryUserDefined, Array: ACLItemArrayOID}))
	ByOID(XMLOID).Compare, ByOID(XMLOID).AppendKey = nil, nil
}

// stringType fills in what types held as Arrow strings share.
func stringType(t *Type) *Type {
	t.ArrowType = always(arrowText)
	if t.Category == 0 {
		t.Category = CategoryString
	}
	if t.AppendText == nil {
		t.AppendText = appendStringText
	}
	if t.ParseText == nil {
		t.ParseText = func(b array.Builder, s string, _ int32, _ *Format) error { return appendString(b, s, nil) }
	}
	if t.AppendBinary == nil {
		t.AppendBinary = func(dst []byte, a arrow.Array, i int) []byte { return append(dst, stringAt(a, i)...) }
	}
	if t.ParseBinary == nil {
		t.ParseBinary = func(b array.Builder, data []byte, mod int32) error {
			return t.ParseText(b, string(data), mod, nil)
		}
	}
	if t.Compare == nil {
		t.Compare = func(a arrow.Array, i int, b arrow.Array, j int) int {
			return strings.Compare(stringAt(a, i), stringAt(b, j))
		}
	}
	if t.AppendKey == nil {
		t.AppendKey = func(dst []byte, a arrow.Array, i int) []byte { return keyBytes(dst, stringAt(a, i)) }
	}
	return t
}

func stringAt(a arrow.Array, i int) string { return a.(*array.String).Value(i) }

func appendStringText(dst []byte, a arrow.Array, i int, _ *Format) []byte {
	return append(dst, stringAt(a, i)...)
}

// appendString checks s, fits it and appends it to a string builder.
func appendString(b array.Builder, s string, fit func(string) (string, error)) error {
	if err := CheckUTF8(s); err != nil {
		return err
	}
	if fit != nil {
		var err error
		if s, err = fit(s); err != nil {
			return err
		}
	}
	b.(*array.StringBuilder).Append(s)
	return nil
}

// ClipName cuts s to the 63 bytes of a name, between characters.
func ClipName(s string) string {
	if len(s) <= nameLengthMax {
		return s
	}
	n := nameLengthMax
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// TrimBlanks removes trailing spaces, which char(n) does not count.
func TrimBlanks(s string) string { return strings.TrimRight(s, " ") }

func firstByte(s string) string {
	if s == "" || s[0] == 0 {
		return ""
	}
	return s[:1]
}

// fitVarchar fits s to varchar(n): blanks beyond n are cut, as is anything in
// an explicit cast; 22001 otherwise.
func fitVarchar(s string, mod int32, explicit bool) (string, error) {
	if mod < 4 || len(s) <= int(mod-4) {
		return s, nil
	}
	n := int(mod - 4)
	head, tail := splitRunes(s, n)
	if tail == "" || explicit || TrimBlanks(tail) == "" {
		return head, nil
	}
	return "", sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type character varying(%d)", n)
}

// fitBPChar fits s to char(n) and pads it with blanks.
func fitBPChar(s string, mod int32, explicit bool) (string, error) {
	if mod < 4 {
		return s, nil
	}
	n := int(mod - 4)
	if runes := utf8.RuneCountInString(s); runes <= n {
		return s + strings.Repeat(" ", n-runes), nil
	}
	head, tail := splitRunes(s, n)
	if explicit || TrimBlanks(tail) == "" {
		return head, nil
	}
	return "", sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type character(%d)", n)
}

// splitRunes cuts s after n characters.
func splitRunes(s string, n int) (head, tail string) {
	for i := range s {
		if n == 0 {
			return s[:i], s[i:]
		}
		n--
	}
	return s, ""
}

func coerceStrings(fit func(s string, mod int32, explicit bool) (string, error)) func(*EvalContext, arrow.Array, int32, bool) (arrow.Array, error) {
	return func(c *EvalContext, a arrow.Array, mod int32, explicit bool) (arrow.Array, error) {
		if mod < 4 {
			a.Retain()
			return a, nil
		}
		b := array.NewStringBuilder(c.Mem)
		defer b.Release()
		b.Reserve(a.Len())
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
				continue
			}
			s, err := fit(stringAt(a, i), mod, explicit)
			if err != nil {
				return nil, err
			}
			b.Append(s)
		}
		return b.NewArray(), nil
	}
}

// parseLengthMod reads the n of varchar(n) and char(n).
func parseLengthMod(name string) func([]string) (int32, error) {
	return func(args []string) (int32, error) {
		n, err := oneMod(args)
		switch {
		case err != nil:
			return 0, err
		case n < 1:
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s must be at least 1", name)
		case n > varcharLengthMax:
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s cannot exceed %d", name, varcharLengthMax)
		}
		return n + 4, nil
	}
}

func formatLengthMod(mod int32) string {
	if mod < 4 {
		return ""
	}
	return "(" + strconv.Itoa(int(mod-4)) + ")"
}

// oneMod reads a single modifier.
func oneMod(args []string) (int32, error) {
	mods, err := modInts(args)
	if err != nil {
		return 0, err
	}
	if len(mods) != 1 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
	}
	return mods[0], nil
}

// modInts reads modifiers as ArrayGetIntegerTypmods does.
func modInts(args []string) ([]int32, error) {
	out := make([]int32, len(args))
	for i, arg := range args {
		v, err := ParseInt(arg, "integer", -1<<31, 1<<31-1)
		if err != nil {
			return nil, err
		}
		out[i] = int32(v)
	}
	return out, nil
}
