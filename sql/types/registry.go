package types

import "fmt"

// The registry: filled at start, one function a family, in the file of that
// family (int.go, float.go, text.go, numeric.go, vector.go …), and read-only
// afterwards.
var (
	byOID  = map[OID]*Type{}
	byName = map[string]*Type{}
	all    []*Type
)

func init() {
	for _, family := range []func(){
		registerBool, registerInts, registerFloats, registerStrings, registerOIDs, registerOIDVectors,
		registerNumeric, registerDatetime, registerInterval, registerBytea, registerUUID, registerJSON, registerVector, registerHalfvec, registerSparsevec, registerBits, registerPseudoTypes, registerRecord,
		registerNumberCasts, registerStringCasts, registerJSONCasts, registerVectorCasts, registerBitCasts, registerDatetimeCasts,
	} {
		family()
	}
}

// register adds a type; a second one of the same OID or name is a bug.
func register(t *Type) *Type {
	if byOID[t.OID] != nil || byName[t.Name] != nil {
		panic(fmt.Sprintf("types: %s (%d) registered twice", t.Name, t.OID))
	}
	byOID[t.OID], byName[t.Name] = t, t
	all = append(all, t)
	return t
}

// ByOID returns the type with that OID, or nil.
func ByOID(oid OID) *Type { return byOID[oid] }

// ByName returns the type with that pg_type.typname (int4, _text), or nil. SQL
// spellings (integer, character varying) are resolved by the parser.
func ByName(name string) *Type { return byName[name] }

// All returns every type, in order of registration. Callers must not change it.
func All() []*Type { return all }

// Type returns the registry entry of t; it panics when there is none, which
// only a bug can cause: T values are made from registered types.
func (t T) Type() *Type {
	if typ := byOID[t.OID]; typ != nil {
		return typ
	}
	panic(fmt.Sprintf("types: no type with OID %d", t.OID))
}
