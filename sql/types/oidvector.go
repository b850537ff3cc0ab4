package types

import (
	"cmp"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
)

func registerOIDVectors() {
	defineOldVector(Int2VectorOID, Int2VectorArrayOID, "int2vector", Int2OID, Int2ArrayOID)
	defineOldVector(OIDVectorOID, OIDVectorArrayOID, "oidvector", OIDOID, OIDArrayOID)
	t := ByOID(OIDVectorOID)
	t.Compare, t.AppendKey = compareOIDVectors, keyOIDVector
	// int2vector has no operators of its own: it is grouped as an array.
	t = ByOID(Int2VectorOID)
	t.Compare, t.AppendKey = ByOID(Int2ArrayOID).Compare, ByOID(Int2ArrayOID).AppendKey
}

// defineOldVector registers int2vector or oidvector: arrays from 0, printed as
// numbers with blanks between, which the system catalogs use.
func defineOldVector(oid, arrayOID OID, name string, elemOID, sameAs OID) {
	base := ByOID(sameAs)
	elem := ByOID(elemOID)
	define(&Type{
		OID: oid, Name: name, Len: -1, Align: 'i', Storage: 'p', Category: CategoryArray, Elem: elemOID, Array: arrayOID,
		ArrowType: base.ArrowType,
		AppendText: func(dst []byte, a arrow.Array, i int, f *Format) []byte {
			v := ArrayAt(a, i)
			for k := v.Start; k < v.End; k++ {
				if k > v.Start {
					dst = append(dst, ' ')
				}
				dst = elem.AppendText(dst, v.Elements, k, f)
			}
			return dst
		},
		ParseText: func(b array.Builder, s string, mod int32, f *Format) error {
			elements := BeginArray(b)
			words := strings.FieldsFunc(s, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
			for _, word := range words {
				if err := elem.ParseText(elements, word, mod, f); err != nil {
					return err
				}
			}
			FinishArray(b, ArrayShape([]int{len(words)}, []int{0}))
			return nil
		},
		AppendBinary: base.AppendBinary,
		ParseBinary:  base.ParseBinary,
	})
}

// compareOIDVectors orders by length first.
func compareOIDVectors(a arrow.Array, i int, b arrow.Array, j int) int {
	x, y := ArrayAt(a, i), ArrayAt(b, j)
	if r := cmp.Compare(x.Len(), y.Len()); r != 0 {
		return r
	}
	for k := range x.Len() {
		if r := ByOID(OIDOID).Compare(x.Elements, x.Start+k, y.Elements, y.Start+k); r != 0 {
			return r
		}
	}
	return 0
}

func keyOIDVector(dst []byte, a arrow.Array, i int) []byte {
	v := ArrayAt(a, i)
	dst = appendUint32(dst, uint32(v.Len()))
	for k := v.Start; k < v.End; k++ {
		dst = ByOID(OIDOID).AppendKey(dst, v.Elements, k)
	}
	return dst
}
