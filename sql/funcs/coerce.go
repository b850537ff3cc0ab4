package funcs

import (
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Path is how a value of one type becomes another.
type Path byte

// The coercion paths.
const (
	// PathNone: there is no way.
	PathNone Path = iota
	// PathRelabel: the same bytes under another name, or the same type.
	PathRelabel
	// PathFunction: the kernel of a types.Cast.
	PathFunction
	// PathArray: element by element.
	PathArray
	// PathText: the output function of the source, the input function of the
	// target. A value of type unknown always goes this way.
	PathText
)

// FindPath says how source becomes target where context allows it, as Postgres'
// find_coercion_pathway and can_coerce_type together do. Pseudo-types as target
// accept what they stand for. cast is set for PathFunction, and for PathRelabel
// by a row of pg_cast.
func FindPath(source, target types.OID, context types.CastContext) (path Path, cast *types.Cast) {
	if source == target {
		return PathRelabel, nil
	}
	if accepts(target, source) {
		return PathRelabel, nil
	}
	if source == types.UnknownOID {
		return PathText, nil
	}
	if cast = types.FindCast(source, target); cast != nil {
		if !castAllowed(cast.Context, context) {
			return PathNone, nil
		}
		if cast.Kernel == nil {
			return PathRelabel, cast
		}
		return PathFunction, cast
	}
	from, to := types.ByOID(source), types.ByOID(target)
	if from == nil || to == nil {
		return PathNone, nil
	}
	// Arrays follow their elements. oidvector and int2vector are read as arrays
	// but do not attract them.
	if isArray(to) && isArray(from) && target != types.OIDVectorOID && target != types.Int2VectorOID {
		switch p, _ := FindPath(from.Elem, to.Elem, context); p {
		case PathNone:
		case PathRelabel:
			return PathRelabel, nil
		default:
			return PathArray, nil
		}
		return PathNone, nil
	}
	// Through text: to a string when assigning, from a string when asked.
	if from.Kind != 'p' && to.Kind != 'p' {
		if context != types.CastImplicit && to.Category == types.CategoryString ||
			context == types.CastExplicit && from.Category == types.CategoryString {
			return PathText, nil
		}
	}
	return PathNone, nil
}

func castAllowed(has, context types.CastContext) bool {
	switch context {
	case types.CastExplicit:
		return true
	case types.CastAssignment:
		return has != types.CastExplicit
	}
	return has == types.CastImplicit
}

// isArray says whether t is a true array: one that another type names as its
// array type.
func isArray(t *types.Type) bool { return t.Elem != 0 && t.Category == types.CategoryArray }

// accepts says whether the pseudo-type target stands for source.
func accepts(target, source types.OID) bool {
	switch target {
	case types.AnyOID, types.AnyElementOID, types.AnyCompatibleOID, types.AnyNonArrayOID, types.AnyCompatibleNonArrayOID,
		types.AnyArrayOID, types.AnyCompatibleArrayOID:
		// Whether the arguments agree with each other is resolvePolymorphic's matter.
		return true
	case types.AnyEnumOID:
		t := types.ByOID(source)
		return source == types.UnknownOID || t != nil && t.Kind == 'e'
	case types.RecordOID:
		t := types.ByOID(source)
		return t != nil && t.Category == types.CategoryComposite
	}
	return false
}

// CanCoerce says whether source becomes target where context allows.
func CanCoerce(source, target types.OID, context types.CastContext) bool {
	path, _ := FindPath(source, target, context)
	return path != PathNone
}

// CommonType is the type that the branches of construct get ("UNION", "CASE",
// "ARRAY", "VALUES", "COALESCE", "GREATEST", "LEAST", "IN" …): manual section
// 10.5. The modifier stays when all agree in type and modifier.
func CommonType(construct string, list []types.T) (types.T, error) {
	oids := make([]types.OID, len(list))
	for i, t := range list {
		oids[i] = t.OID
	}
	oid, other, ok := commonType(oids)
	if !ok {
		return types.T{}, sqlerr.New(sqlerr.DatatypeMismatch, "%s types %s and %s cannot be matched", construct,
			typeName(oid), typeName(other))
	}
	for _, t := range oids {
		if !CanCoerce(t, oid, types.CastImplicit) {
			return types.T{}, sqlerr.New(sqlerr.CannotCoerce, "%s could not convert type %s to %s", construct,
				typeName(t), typeName(oid))
		}
	}
	common := types.T{OID: oid, Mod: list[0].Mod}
	for _, t := range list {
		if t.OID != oid || t.Mod != common.Mod {
			common.Mod = types.NoMod
		}
	}
	return common, nil
}

// commonType is select_common_type: the type chosen, or, when two categories
// meet, the two types that do not match.
func commonType(list []types.OID) (chosen, other types.OID, ok bool) {
	chosen = list[0]
	for _, next := range list[1:] {
		if next == types.UnknownOID || next == chosen {
			continue
		}
		if chosen == types.UnknownOID {
			chosen = next
			continue
		}
		a, b := types.ByOID(chosen), types.ByOID(next)
		if a.Category != b.Category {
			return chosen, next, false
		}
		if !a.Preferred && CanCoerce(chosen, next, types.CastImplicit) && !CanCoerce(next, chosen, types.CastImplicit) {
			chosen = next
		}
	}
	if chosen == types.UnknownOID {
		chosen = types.TextOID
	}
	return chosen, 0, true
}

// typeName is what format_type prints without a modifier.
func typeName(oid types.OID) string {
	if t := types.ByOID(oid); t != nil {
		return t.SQLName
	}
	return "???"
}
