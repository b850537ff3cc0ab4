package funcs

import (
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// isPolymorphic says whether oid is one of the any… types that take their
// meaning from the arguments of a call.
func isPolymorphic(oid types.OID) bool { return isAnyElement(oid) || isAnyCompatible(oid) }

// isAnyElement is the family whose members agree exactly.
func isAnyElement(oid types.OID) bool {
	switch oid {
	case types.AnyElementOID, types.AnyArrayOID, types.AnyNonArrayOID, types.AnyEnumOID:
		return true
	}
	return false
}

// isAnyCompatible is the family whose members are brought to a common type.
func isAnyCompatible(oid types.OID) bool {
	switch oid {
	case types.AnyCompatibleOID, types.AnyCompatibleArrayOID, types.AnyCompatibleNonArrayOID:
		return true
	}
	return false
}

// resolvePolymorphic replaces the polymorphic types among declared, and result,
// by what the actual types of the arguments make them. It fails when they do
// not agree, as enforce_generic_type_consistency does.
func resolvePolymorphic(actual, declared []types.OID, result types.OID) (args []types.OID, res types.OID, err error) {
	var p polymorphism
	for i, d := range declared {
		if err := p.see(actual[i], d); err != nil {
			return nil, 0, err
		}
	}
	if err := p.settle(isPolymorphic(result)); err != nil {
		return nil, 0, err
	}
	args = make([]types.OID, len(declared))
	for i, d := range declared {
		if args[i], err = p.concrete(d, actual[i]); err != nil {
			return nil, 0, err
		}
	}
	res, err = p.concrete(result, 0)
	return args, res, err
}

// polymorphism gathers what the arguments say of the two families.
type polymorphism struct {
	used, usedCompatible bool
	// elem and array are the actual anyelement and anyarray; 0 while unknown.
	elem, array types.OID
	nonArray    bool
	compatible  []types.OID // actual types, arrays by their elements
	nonArrayC   bool
	common      types.OID
}

func (p *polymorphism) see(actual, declared types.OID) error {
	switch declared {
	case types.AnyElementOID, types.AnyNonArrayOID, types.AnyEnumOID:
		p.used = true
		p.nonArray = p.nonArray || declared == types.AnyNonArrayOID
		if actual == types.UnknownOID {
			return nil
		}
		if p.elem != 0 && p.elem != actual {
			return sqlerr.New(sqlerr.DatatypeMismatch, "arguments declared \"%s\" are not all alike", "anyelement").
				WithDetail("%s versus %s", typeName(p.elem), typeName(actual))
		}
		p.elem = actual
	case types.AnyArrayOID:
		p.used = true
		if actual == types.UnknownOID {
			return nil
		}
		if p.array != 0 && p.array != actual {
			return sqlerr.New(sqlerr.DatatypeMismatch, "arguments declared \"%s\" are not all alike", "anyarray").
				WithDetail("%s versus %s", typeName(p.array), typeName(actual))
		}
		if t := types.ByOID(actual); actual != types.AnyArrayOID && (t == nil || !isArray(t)) {
			return sqlerr.New(sqlerr.DatatypeMismatch, "argument declared %s is not an array but type %s", "anyarray", typeName(actual))
		}
		p.array = actual
	case types.AnyCompatibleOID, types.AnyCompatibleNonArrayOID:
		p.usedCompatible = true
		p.nonArrayC = p.nonArrayC || declared == types.AnyCompatibleNonArrayOID
		if actual != types.UnknownOID {
			p.compatible = append(p.compatible, actual)
		}
	case types.AnyCompatibleArrayOID:
		p.usedCompatible = true
		if actual == types.UnknownOID {
			return nil
		}
		t := types.ByOID(actual)
		if t == nil || !isArray(t) {
			return sqlerr.New(sqlerr.DatatypeMismatch, "argument declared %s is not an array but type %s", "anycompatiblearray", typeName(actual))
		}
		p.compatible = append(p.compatible, t.Elem)
	}
	return nil
}

// settle derives elements from arrays and the other way round.
func (p *polymorphism) settle(needed bool) error {
	if p.used {
		if p.array != 0 && p.array != types.AnyArrayOID {
			elem := types.ByOID(p.array).Elem
			if p.elem == 0 {
				p.elem = elem
			} else if p.elem != elem {
				return sqlerr.New(sqlerr.DatatypeMismatch, "argument declared %s is not consistent with argument declared %s",
					"anyarray", "anyelement").WithDetail("%s versus %s", typeName(p.array), typeName(p.elem))
			}
		}
		if p.elem == 0 {
			return sqlerr.New(sqlerr.DatatypeMismatch, "could not determine polymorphic type because input has type %s", "unknown")
		}
		if t := types.ByOID(p.elem); p.nonArray && isArray(t) {
			return sqlerr.New(sqlerr.DatatypeMismatch, "type matched to anynonarray is an array type: %s", typeName(p.elem))
		}
	}
	if !p.usedCompatible {
		return nil
	}
	p.common = types.TextOID
	if len(p.compatible) > 0 {
		common, other, ok := commonType(p.compatible)
		if !ok {
			return sqlerr.New(sqlerr.DatatypeMismatch, "arguments of anycompatible family cannot be cast to a common type").
				WithDetail("%s versus %s", typeName(common), typeName(other))
		}
		for _, t := range p.compatible {
			if !CanCoerce(t, common, types.CastImplicit) {
				return sqlerr.New(sqlerr.DatatypeMismatch, "arguments of anycompatible family cannot be cast to a common type")
			}
		}
		p.common = common
	}
	if t := types.ByOID(p.common); p.nonArrayC && isArray(t) {
		return sqlerr.New(sqlerr.DatatypeMismatch, "type matched to anycompatiblenonarray is an array type: %s", typeName(p.common))
	}
	return nil
}

// concrete returns what declared means in this call.
func (p *polymorphism) concrete(declared, actual types.OID) (types.OID, error) {
	switch declared {
	case types.AnyElementOID, types.AnyNonArrayOID, types.AnyEnumOID:
		return p.elem, nil
	case types.AnyCompatibleOID, types.AnyCompatibleNonArrayOID:
		return p.common, nil
	case types.AnyArrayOID:
		if p.array != 0 {
			return p.array, nil
		}
		return arrayTypeOver(p.elem)
	case types.AnyCompatibleArrayOID:
		return arrayTypeOver(p.common)
	case types.AnyOID:
		if actual != 0 {
			return actual, nil
		}
	}
	return declared, nil
}

func arrayTypeOver(elem types.OID) (types.OID, error) {
	t := types.ByOID(elem)
	if t == nil || t.Array == 0 {
		return 0, sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", typeName(elem))
	}
	return t.Array, nil
}

// agreePolymorphic says whether actual types suit the polymorphic ones among
// declared: check_generic_type_consistency, which sorts out candidates.
func agreePolymorphic(actual, declared []types.OID) bool {
	var p polymorphism
	for i, d := range declared {
		if isPolymorphic(d) && p.see(actual[i], d) != nil {
			return false
		}
	}
	if p.used && p.elem == 0 && p.array == 0 {
		return true // all unknown: resolution complains, not matching
	}
	return p.settle(false) == nil
}
