package funcs

import (
	"strings"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Call is a function call to be resolved.
type Call struct {
	Schema, Name string
	// Args are the types of the arguments as written, types.UnknownOID for
	// literals and parameters of unknown type.
	Args []types.T
	// ArgNames is aligned with Args, "" for positional ones; nil when all are.
	ArgNames []string
	// Variadic: the last argument was written VARIADIC array.
	Variadic bool
	// Star is count(*).
	Star bool
}

// Resolution is what a call means.
type Resolution struct {
	// Function is specialised for the call; nil when CastTo is set.
	Function *Function
	// CastTo: the call is a type name with one argument, a cast in disguise.
	CastTo types.OID
	// Source has an entry for each argument of the function, with spread
	// variadic ones at the end: the index of the call's argument, or -1-k for
	// Function.Defaults[k].
	Source []int
	// Args are the types that the arguments must be coerced to, implicitly;
	// aligned with Source. "any" keeps what it was given.
	Args []types.T
	// Gather, when not negative, is the index in Source from which on the
	// arguments become one array, the last argument of the function.
	Gather int
	// Result is the type of the call.
	Result types.T
}

// Resolve finds the function that a call means, by the rules of manual section
// 10.3. Errors are 42883 and 42725, as Postgres words them, without position.
func Resolve(call Call) (*Resolution, error) {
	var candidates []candidate
	for _, f := range Lookup(call.Schema, call.Name) {
		candidates = appendCandidates(candidates, f, &call)
	}
	actual := oidsOf(call.Args)
	exact := exactCandidates(candidates, actual)
	if len(exact) == 0 {
		if target := castByCall(call); target != 0 {
			return &Resolution{CastTo: target, Source: []int{0}, Args: call.Args, Gather: -1, Result: types.Of(target)}, nil
		}
	}
	if len(exact) == 0 {
		matching := matchCandidates(candidates, actual)
		if len(matching) == 0 {
			return nil, errNoFunction(call)
		}
		exact = selectCandidate(matching, actual)
	}
	exact = preferFixed(exact)
	if len(exact) != 1 {
		return nil, sqlerr.New(sqlerr.AmbiguousFunction, "function %s is not unique", spell(call)).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	}
	return finishResolution(call, exact[0], actual)
}

// candidate is a function with its arguments laid out for one call: declared
// types in the order of the call's arguments.
type candidate struct {
	function *Function
	operator *Operator
	args     []types.OID
	source   []int
	defaults int
	// spread: the variadic argument was replaced by as many as the call has.
	spread bool
}

// appendCandidates adds the ways in which f can take the call's arguments: as
// declared, with defaults, with a spread variadic argument.
func appendCandidates(list []candidate, f *Function, call *Call) []candidate {
	n := len(call.Args)
	if call.Star {
		if f.Kind != KindAggregate || len(f.Args) != 0 {
			return list
		}
		return append(list, candidate{function: f})
	}
	if f.Kind == KindAggregate && len(f.Args) == 0 && n == 0 {
		return list // count() must be written count(*); errNoFunction's caller sees to the message
	}
	source, ok := positions(f, call)
	if !ok {
		return list
	}
	last := len(f.Args) - 1
	if f.Variadic != 0 && !call.Variadic && call.ArgNames == nil && n >= len(f.Args) {
		// "any" is passed as is, other types are gathered.
		args := append([]types.OID(nil), f.Args...)
		for len(args) < n {
			args = append(args, f.Variadic)
		}
		args[last] = f.Variadic
		c := candidate{function: f, args: args, spread: true, source: identity(n)}
		return append(list, c)
	}
	if f.Variadic == types.AnyOID && !call.Variadic && n > 0 && n == len(f.Args)-1 {
		return list
	}
	if source == nil {
		return list
	}
	c := candidate{function: f, source: source, defaults: len(f.Args) - n}
	c.args = make([]types.OID, n)
	for k, from := range source {
		if from >= 0 {
			c.args[from] = f.Args[k]
		}
	}
	if call.Variadic && f.Variadic == 0 {
		return list
	}
	return append(list, c)
}

// positions maps the function's arguments to the call's; nil when the counts do
// not fit (which a variadic function may mend), false when names do not.
func positions(f *Function, call *Call) (source []int, ok bool) {
	n := len(call.Args)
	if call.ArgNames == nil {
		if n > len(f.Args) || n < len(f.Args)-len(f.Defaults) {
			return nil, true
		}
	} else if n > len(f.Args) {
		return nil, false
	}
	source = make([]int, len(f.Args))
	for k := range source {
		source[k] = -1 - (k - (len(f.Args) - len(f.Defaults)))
	}
	given := make([]bool, len(f.Args))
	for i := range n {
		k := i
		if call.ArgNames != nil && call.ArgNames[i] != "" {
			k = -1
			for j, name := range f.ArgNames {
				if name == call.ArgNames[i] {
					k = j
				}
			}
		}
		if k < 0 || k >= len(given) || given[k] {
			return nil, false
		}
		given[k], source[k] = true, i
	}
	for k := range given {
		if !given[k] && k < len(f.Args)-len(f.Defaults) {
			return nil, false
		}
	}
	return source, true
}

func identity(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func oidsOf(list []types.T) []types.OID {
	oids := make([]types.OID, len(list))
	for i, t := range list {
		oids[i] = t.OID
	}
	return oids
}

// exactCandidates keeps those whose declared types are the actual ones.
func exactCandidates(list []candidate, actual []types.OID) []candidate {
	var kept []candidate
	for _, c := range list {
		same := true
		for i, a := range actual {
			same = same && c.args[i] == a
		}
		if same {
			kept = append(kept, c)
		}
	}
	return kept
}

// preferFixed drops, of candidates over equal types, those that need defaults
// or a spread variadic argument.
func preferFixed(list []candidate) []candidate {
	if len(list) < 2 {
		return list
	}
	var kept []candidate
	for _, c := range list {
		if !c.spread && c.defaults == 0 {
			kept = append(kept, c)
		}
	}
	if len(kept) == 1 {
		return kept
	}
	return list
}

// matchCandidates keeps those that every argument can be coerced to implicitly:
// func_match_argtypes.
func matchCandidates(list []candidate, actual []types.OID) []candidate {
	var kept []candidate
	for _, c := range list {
		if canCoerceAll(actual, c.args) {
			kept = append(kept, c)
		}
	}
	return kept
}

func canCoerceAll(actual, declared []types.OID) bool {
	polymorphic := false
	for i, a := range actual {
		if !CanCoerce(a, declared[i], types.CastImplicit) {
			return false
		}
		polymorphic = polymorphic || isPolymorphic(declared[i])
	}
	return !polymorphic || agreePolymorphic(actual, declared)
}

// selectCandidate chooses among candidates that all match:
// func_select_candidate. More than one is left when the call is ambiguous.
func selectCandidate(list []candidate, actual []types.OID) []candidate {
	if len(list) <= 1 {
		return list
	}
	unknown := 0
	for _, a := range actual {
		if a == types.UnknownOID {
			unknown++
		}
	}
	// Those with the most exact matches.
	list = keepBest(list, func(c candidate) int {
		return countArgs(c, actual, func(a, d types.OID) bool { return a == d })
	})
	if len(list) == 1 {
		return list
	}
	// Those with the most exact or preferred matches.
	list = keepBest(list, func(c candidate) int {
		return countArgs(c, actual, func(a, d types.OID) bool { return a == d || isPreferred(categoryOf(a), d) })
	})
	if len(list) == 1 || unknown == 0 {
		return list
	}
	if kept := keepByCategory(list, actual); len(kept) == 1 {
		return kept
	} else if len(kept) > 0 {
		list = kept
	}
	// As a last resort take unknowns for the one type that the others have.
	if unknown < len(actual) {
		if kept := keepByKnownType(list, actual); len(kept) == 1 {
			return kept
		}
	}
	return list
}

func keepBest(list []candidate, score func(candidate) int) []candidate {
	best := -1
	var kept []candidate
	for _, c := range list {
		switch s := score(c); {
		case s > best:
			best, kept = s, []candidate{c}
		case s == best:
			kept = append(kept, c)
		}
	}
	return kept
}

// countArgs counts the known arguments for which match holds.
func countArgs(c candidate, actual []types.OID, match func(actual, declared types.OID) bool) int {
	n := 0
	for i, a := range actual {
		if a != types.UnknownOID && match(a, c.args[i]) {
			n++
		}
	}
	return n
}

func categoryOf(oid types.OID) types.Category {
	if t := types.ByOID(oid); t != nil {
		return t.Category
	}
	return types.CategoryPseudo
}

// isPreferred says whether oid is a preferred type of the category.
func isPreferred(category types.Category, oid types.OID) bool {
	t := types.ByOID(oid)
	return t != nil && t.Category == category && t.Preferred
}

// keepByCategory decides on a category for each unknown argument and keeps the
// candidates that take it; nil when the categories are in conflict.
func keepByCategory(list []candidate, actual []types.OID) []candidate {
	category := make([]types.Category, len(actual))
	preferred := make([]bool, len(actual))
	for i, a := range actual {
		if a != types.UnknownOID {
			continue
		}
		conflict := false
		for k, c := range list {
			t := types.ByOID(c.args[i])
			switch {
			case k == 0:
				category[i], preferred[i] = t.Category, t.Preferred
			case t.Category == category[i]:
				preferred[i] = preferred[i] || t.Preferred
			case t.Category == types.CategoryString:
				category[i], preferred[i] = t.Category, t.Preferred
				conflict = false
			case category[i] != types.CategoryString:
				conflict = true
			}
		}
		if conflict && category[i] != types.CategoryString {
			return nil
		}
	}
	var kept []candidate
	for _, c := range list {
		keep := true
		for i, a := range actual {
			if a != types.UnknownOID {
				continue
			}
			t := types.ByOID(c.args[i])
			keep = keep && t.Category == category[i] && (t.Preferred || !preferred[i])
		}
		if keep {
			kept = append(kept, c)
		}
	}
	return kept
}

// keepByKnownType keeps the candidates that would match if the unknown
// arguments had the one type that all others have.
func keepByKnownType(list []candidate, actual []types.OID) []candidate {
	var known types.OID
	for _, a := range actual {
		switch {
		case a == types.UnknownOID || a == known:
		case known == 0:
			known = a
		default:
			return nil
		}
	}
	assumed := make([]types.OID, len(actual))
	for i := range assumed {
		assumed[i] = known
	}
	return matchCandidates(list, assumed)
}

// castByCall returns the type that f(x) casts to when f names a type and the
// cast needs no function of its own; 0 otherwise.
func castByCall(call Call) types.OID {
	if len(call.Args) != 1 || call.ArgNames != nil || call.Variadic || call.Schema != "" && call.Schema != "pg_catalog" {
		return 0
	}
	t := types.ByName(call.Name)
	if t == nil || t.Kind == 'p' {
		return 0
	}
	if path, _ := FindPath(call.Args[0].OID, t.OID, types.CastExplicit); path != PathNone && path != PathArray {
		return t.OID
	}
	return 0
}

// finishResolution settles types, order and kernel.
func finishResolution(call Call, c candidate, actual []types.OID) (*Resolution, error) {
	f := c.function
	declared, result := c.args, f.Result
	args, result, err := resolvePolymorphic(actual, declared, result)
	if err != nil {
		return nil, err
	}
	r := &Resolution{Source: c.source, Gather: -1}
	given := make([]types.T, len(args))
	for i, oid := range args {
		given[i] = types.Of(oid)
		if oid == call.Args[i].OID {
			given[i].Mod = call.Args[i].Mod
		}
	}
	for k, from := range c.source {
		if from >= 0 {
			r.Args = append(r.Args, given[from])
		} else {
			r.Args = append(r.Args, types.Of(f.Args[k]))
		}
	}
	r.Result = types.Of(result)
	if f.ResultType != nil {
		r.Result = f.ResultType(r.Args)
	}
	signature := Signature{Args: r.Args, Result: r.Result, Variadic: call.Variadic}
	if c.spread && f.Variadic != types.AnyOID {
		r.Gather = len(f.Args) - 1
		elem := r.Args[r.Gather]
		over, err := arrayTypeOver(elem.OID)
		if err != nil {
			return nil, err
		}
		signature.Args = append(append([]types.T(nil), r.Args[:r.Gather]...), types.Of(over))
	}
	r.Function, err = f.Specialized(signature)
	return r, err
}

// spell writes a call as Postgres' errors do: foo(integer, b => text).
func spell(call Call) string {
	var b strings.Builder
	if call.Schema != "" {
		b.WriteString(call.Schema + ".")
	}
	b.WriteString(call.Name + "(")
	for i, t := range call.Args {
		if i > 0 {
			b.WriteString(", ")
		}
		if call.ArgNames != nil && call.ArgNames[i] != "" {
			b.WriteString(call.ArgNames[i] + " => ")
		}
		b.WriteString(typeName(t.OID))
	}
	return b.String() + ")"
}

func errNoFunction(call Call) error {
	if len(call.Args) == 0 && !call.Star {
		for _, f := range Lookup(call.Schema, call.Name) {
			if f.Kind == KindAggregate && len(f.Args) == 0 {
				return sqlerr.New(sqlerr.WrongObjectType, "%s(*) must be used to call a parameterless aggregate function", call.Name)
			}
		}
	}
	if textSearch[call.Name] && (call.Schema == "" || call.Schema == "pg_catalog") {
		return sqlerr.Unsupported("full text search")
	}
	return sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", spell(call)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}
