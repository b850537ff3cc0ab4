package pgcatalog

import (
	"strings"
	"sync"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// schemaOfFunction is the namespace of a function in the view.
func schemaOfFunction(v catalog.View, f *funcs.Function) catalog.OID {
	if s := v.SchemaByName(functionSchema(f)); s != nil {
		return s.OID
	}
	return catalog.PgCatalogSchemaOID
}

func pgProc(b *rows) error {
	for _, f := range allFunctions() {
		b.function(f)
	}
	return nil
}

// typeProcs are the functions that pg_type points at: drivers join to them,
// though Quiver reads and writes values without them.
var typeProcs = sync.OnceValue(loadTypeProcs)

func loadTypeProcs() (all []*funcs.Function) {
	eachFact("type_procs.txt", func(line string) {
		f := strings.SplitN(line, " ", 7)
		fn := &funcs.Function{
			OID: types.OID(number(f[0])), Schema: "pg_catalog", Name: f[1], Kind: funcs.KindFunction, Result: types.OID(number(f[2])),
			Volatility: funcs.Volatility(f[4][0]), Strict: f[5] == "t",
			Declared: &funcs.Declaration{Language: "internal", Source: f[1], Parallel: 's', Cost: 1, Comment: f[6]},
		}
		if f[3] != "-" {
			for arg := range strings.SplitSeq(f[3], ",") {
				fn.Args = append(fn.Args, types.OID(number(arg)))
			}
		}
		all = append(all, fn)
	})
	return append(all, vectorHandlers()...)
}

func (b *rows) function(f *funcs.Function) {
	d := declarationOf(f)
	var probin, defaults any
	if d.Language == "c" {
		probin = "$libdir/" + f.Extension
	}
	if len(f.Defaults) > 0 {
		defaults = strings.Join(f.Defaults, ", ")
	}
	var modes []string
	all, names := allArguments(f, &modes)
	b.add(f.OID, f.Name, schemaOfFunction(b.view, f), owner, languages[d.Language], d.Cost, d.Rows, f.Variadic, d.Support,
		byte(f.Kind), false, d.Leakproof, f.Strict, f.ReturnsSet, byte(f.Volatility), d.Parallel, len(f.Args), len(f.Defaults), f.Result, notNilOIDs(f.Args), all, modes,
		names, defaults, nil, d.Source, probin, textOrNull(d.Body), nil, nil)
}

func notNilOIDs(list []types.OID) []types.OID {
	if list == nil {
		return []types.OID{}
	}
	return list
}

// allArguments are proallargtypes and proargnames; modes gets proargmodes. All
// are null for a function with input arguments alone.
func allArguments(f *funcs.Function, modes *[]string) (all []types.OID, names []string) {
	names = f.ArgNames
	if len(f.Columns) == 0 && f.Variadic == 0 {
		return nil, names
	}
	for i, arg := range f.Args {
		mode := "i"
		if f.Variadic != 0 && i == len(f.Args)-1 {
			mode = "v"
		}
		*modes, all = append(*modes, mode), append(all, arg)
	}
	if len(f.Columns) > 0 {
		for len(names) < len(f.Args) {
			names = append(names[:len(names):len(names)], "")
		}
	}
	for _, c := range f.Columns {
		*modes, all, names = append(*modes, "o"), append(all, c.Type), append(names[:len(names):len(names)], c.Name)
	}
	return all, names
}

// aggregateFact is a row of facts/aggregates.txt.
type aggregateFact struct {
	kind                    string
	direct                  int
	transition, final, held types.OID
	initial                 string
}

var aggregateFacts = sync.OnceValue(loadAggregates)

func loadAggregates() map[types.OID]aggregateFact {
	all := map[types.OID]aggregateFact{}
	eachFact("aggregates.txt", func(line string) {
		f := strings.SplitN(line, " ", 7)
		all[types.OID(number(f[0]))] = aggregateFact{
			f[1], int(number(f[2])), types.OID(number(f[3])), types.OID(number(f[4])), types.OID(number(f[5])), f[6],
		}
	})
	return all
}

func pgAggregate(b *rows) error {
	facts := aggregateFacts()
	for _, f := range funcs.Functions() {
		if f.Kind != funcs.KindAggregate {
			continue
		}
		fact, ok := facts[f.OID]
		if !ok {
			fact = aggregateFact{kind: "n", initial: `\N`, held: types.InternalOID}
		}
		var initial any
		if fact.initial != `\N` {
			initial = fact.initial
		}
		b.add(f.OID, fact.kind, fact.direct, fact.transition, fact.final, 0, 0, 0, 0, 0, 0, false, false, byte('r'), byte('r'), 0,
			fact.held, 0, 0, 0, initial, nil)
	}
	return nil
}

func pgOperator(b *rows) error {
	for _, o := range funcs.Operators() {
		kind := byte('b')
		if o.Left == 0 {
			kind = 'l'
		}
		namespace := catalog.PgCatalogSchemaOID
		if o.Function != nil {
			namespace = schemaOfFunction(b.view, o.Function)
		}
		equality := o.Name == "="
		b.add(o.OID, o.Name, namespace, owner, kind, equality, equality, o.Left, o.Right, o.Result, partner(o.Commutator, o.Right, o.Left),
			partner(o.Negator, o.Left, o.Right), functionOID(o.Function), 0, 0)
	}
	return nil
}

// partner is the OID of the operator of that name over the types; 0 for none.
func partner(name string, left, right types.OID) types.OID {
	if name == "" {
		return 0
	}
	if o := funcs.LookupOperator(name, left, right); o != nil {
		return o.OID
	}
	return 0
}

func functionOID(f *funcs.Function) types.OID {
	if f == nil {
		return 0
	}
	return f.OID
}
