package types

import (
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// recordTypeKey is the Arrow field metadata that says which SQL type a field of
// a record has: "oid:typmod".
const recordTypeKey = "sql_type"

// recordTypes are the shapes of anonymous records. A T of RecordOID has the
// shape's number as its modifier, as Postgres blesses a row type.
var recordTypes = struct {
	sync.RWMutex
	shapes []*arrow.StructType
	byText map[string]int32
}{byText: map[string]int32{}}

// RecordOf returns the type of records with these fields, as ROW(…) makes them.
func RecordOf(names []string, fields []T) T {
	key := recordShapeKey(names, fields)
	recordTypes.RLock()
	mod, known := recordTypes.byText[key]
	recordTypes.RUnlock()
	if known {
		return T{OID: RecordOID, Mod: mod}
	}
	// Before the lock: a field may be a record, whose shape is looked up.
	arrowFields := make([]arrow.Field, len(fields))
	for k, t := range fields {
		arrowFields[k] = arrow.Field{
			Name: names[k], Type: t.Arrow(), Nullable: true,
			Metadata: arrow.NewMetadata([]string{recordTypeKey}, []string{formatFieldType(t)}),
		}
	}
	recordTypes.Lock()
	defer recordTypes.Unlock()
	if mod, known = recordTypes.byText[key]; !known {
		mod = int32(len(recordTypes.shapes))
		recordTypes.shapes = append(recordTypes.shapes, arrow.StructOf(arrowFields...))
		recordTypes.byText[key] = mod
	}
	return T{OID: RecordOID, Mod: mod}
}

// RecordFields returns the names and types of the fields of a record type made
// by RecordOf; nil when its shape is not known.
func RecordFields(t T) (names []string, fields []T) {
	shape, ok := recordArrow(t.Mod).(*arrow.StructType)
	if !ok {
		return nil, nil
	}
	for k := range shape.NumFields() {
		names = append(names, shape.Field(k).Name)
		fields = append(fields, fieldType(shape, k))
	}
	return names, fields
}

func recordShapeKey(names []string, fields []T) string {
	var key strings.Builder
	for k, t := range fields {
		key.WriteString(strconv.Quote(names[k]))
		key.WriteString(formatFieldType(t))
		key.WriteByte(',')
	}
	return key.String()
}

func formatFieldType(t T) string {
	return strconv.FormatUint(uint64(t.OID), 10) + ":" + strconv.Itoa(int(t.Mod))
}

// fieldType reads the SQL type of field k of a record.
func fieldType(shape *arrow.StructType, k int) T {
	text, _ := shape.Field(k).Metadata.GetValue(recordTypeKey)
	oid, mod, _ := strings.Cut(text, ":")
	o, _ := strconv.ParseUint(oid, 10, 32)
	m, _ := strconv.ParseInt(mod, 10, 32)
	return T{OID: OID(o), Mod: int32(m)}
}

// recordArrow is the Arrow type of the record with that modifier; Null for a
// record of unknown shape.
func recordArrow(mod int32) arrow.DataType {
	recordTypes.RLock()
	defer recordTypes.RUnlock()
	if mod < 0 || int(mod) >= len(recordTypes.shapes) {
		return arrow.Null
	}
	return recordTypes.shapes[mod]
}

func registerRecord() {
	t := register(&Type{
		OID: RecordOID, Name: "record", SQLName: "record", Kind: 'p', Len: -1, Align: 'd', Storage: 'x',
		Category: CategoryPseudo, Delim: ',', Array: RecordArrayOID, ArrowType: recordArrow,
		AppendText: appendRecordText,
		ParseText: func(array.Builder, string, int32, *Format) error {
			return sqlerr.Unsupported("input of anonymous composite types")
		},
		AppendBinary: appendRecordBinary,
		ParseBinary: func(array.Builder, []byte, int32) error {
			return sqlerr.Unsupported("input of anonymous composite types")
		},
		Compare:   compareRecords,
		AppendKey: keyRecord,
	})
	register(arrayOf(t))
}

func appendRecordText(dst []byte, a arrow.Array, i int, f *Format) []byte {
	s := a.(*array.Struct)
	shape := s.DataType().(*arrow.StructType)
	dst = append(dst, '(')
	for k := range s.NumField() {
		if k > 0 {
			dst = append(dst, ',')
		}
		field := s.Field(k)
		if field.IsNull(i) {
			continue
		}
		start := len(dst)
		dst = fieldType(shape, k).Type().AppendText(dst, field, i, f)
		if text := dst[start:]; recordNeedsQuotes(text) {
			plain := string(text)
			dst = append(dst[:start], '"')
			for n := range len(plain) {
				if plain[n] == '"' || plain[n] == '\\' {
					dst = append(dst, plain[n])
				}
				dst = append(dst, plain[n])
			}
			dst = append(dst, '"')
		}
	}
	return append(dst, ')')
}

func recordNeedsQuotes(text []byte) bool {
	for _, b := range text {
		if b == '"' || b == '\\' || b == '(' || b == ')' || b == ',' || isSpace(b) {
			return true
		}
	}
	return len(text) == 0
}

func appendRecordBinary(dst []byte, a arrow.Array, i int) []byte {
	s := a.(*array.Struct)
	shape := s.DataType().(*arrow.StructType)
	dst = appendUint32(dst, uint32(s.NumField()))
	for k := range s.NumField() {
		t := fieldType(shape, k).Type()
		dst = appendSized(appendUint32(dst, uint32(t.OID)), t, s.Field(k), i)
	}
	return dst
}

// compareRecords goes field by field; binding has seen to it that both have the
// same types.
func compareRecords(a arrow.Array, i int, b arrow.Array, j int) int {
	x, y := a.(*array.Struct), b.(*array.Struct)
	shape := x.DataType().(*arrow.StructType)
	for k := range min(x.NumField(), y.NumField()) {
		if r := compareNullable(fieldType(shape, k).Type(), x.Field(k), i, y.Field(k), j); r != 0 {
			return r
		}
	}
	return x.NumField() - y.NumField()
}

func keyRecord(dst []byte, a arrow.Array, i int) []byte {
	s := a.(*array.Struct)
	shape := s.DataType().(*arrow.StructType)
	for k := range s.NumField() {
		dst = keyNullable(dst, fieldType(shape, k).Type(), s.Field(k), i)
	}
	return append(dst, 0)
}
