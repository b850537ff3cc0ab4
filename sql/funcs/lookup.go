package funcs

import (
	"fmt"
	"slices"
	"strings"

	"quiver/sql/types"
)

// The registry: filled by init functions and read-only afterwards.
var (
	functions       []*Function
	functionsByName = map[string][]*Function{}
	// functionsInPath are by name those that a name without a schema means.
	functionsInPath = map[string][]*Function{}
	functionsByOID  = map[types.OID]*Function{}
	operators       []*Operator
	operatorsByName = map[string][]*Operator{}
	operatorsByOID  = map[types.OID]*Operator{}
)

// foreignBuiltins are the signatures that were to be registered though a type of
// theirs does not exist; a test sees to it that there are none.
var foreignBuiltins []string

// Builtin registers the implementation of a row of pg_proc, named by its
// signature as pg_proc.txt spells it, "round(numeric,int4)"; OID, volatility,
// strictness and the rest come from there, and the operators over it are
// registered with it. To be called from init functions only; a signature that
// is not there, or is taken, is a bug and panics.
func Builtin(signature string, impl Impl) *Function {
	fact, foreign := known.function(signature)
	if foreign {
		foreignBuiltins = append(foreignBuiltins, signature)
		return nil
	}
	if fact == nil {
		panic(fmt.Sprintf("funcs: pg_proc has no %s", signature))
	}
	fact.Impl = impl
	Register(fact)
	for _, o := range known.operators[signature] {
		op := &Operator{
			OID: o.oid, Name: o.name, Right: typeOID(o.right), Result: typeOID(o.result), Function: fact,
			Commutator: o.commutator, Negator: o.negator, Comment: o.comment,
		}
		if o.left != "" {
			op.Left = typeOID(o.left)
		}
		RegisterOperator(op)
	}
	return fact
}

// typeOID returns the OID of a type that must exist.
func typeOID(name string) types.OID {
	t := types.ByName(name)
	if t == nil {
		panic("funcs: no type " + name)
	}
	return t.OID
}

// kernel registers a plain function.
func kernel(signature string, k types.Kernel) { Builtin(signature, Impl{Kernel: k}) }

// kernels registers one kernel under several signatures, separated by blanks.
func kernels(signatures string, k types.Kernel) {
	for _, signature := range fields(signatures) {
		kernel(signature, k)
	}
}

// specialized registers a function whose kernel depends on the types of the
// call.
func specialized(signature string, specialize func(call Signature) (types.Kernel, error)) {
	Builtin(signature, Impl{Specialize: func(call Signature) (Impl, error) {
		k, err := specialize(call)
		return Impl{Kernel: k}, err
	}})
}

// Register adds a function of which Postgres has no like, complete with OID.
// To be called from init functions only.
func Register(f *Function) {
	if other := functionsByOID[f.OID]; other != nil {
		panic(fmt.Sprintf("funcs: OID %d of %s is taken by %s", f.OID, f.Name, other.Name))
	}
	functions = append(functions, f)
	functionsByOID[f.OID] = f
	functionsByName[f.Name] = append(functionsByName[f.Name], f)
	functionsInPath[f.Name] = inPath(functionsByName[f.Name])
}

// inPath leaves out the functions of the schema quiver whose name pg_catalog has
// as well: they are called by their full name.
func inPath(all []*Function) (list []*Function) {
	builtin := slices.ContainsFunc(all, func(f *Function) bool { return f.Schema == "pg_catalog" })
	for _, f := range all {
		if !builtin || f.Schema != "quiver" {
			list = append(list, f)
		}
	}
	return list
}

// RegisterOperator adds an operator. To be called from init functions only.
func RegisterOperator(o *Operator) {
	if operatorsByOID[o.OID] != nil {
		panic(fmt.Sprintf("funcs: OID %d of operator %s is taken", o.OID, o.Name))
	}
	operators = append(operators, o)
	operatorsByOID[o.OID] = o
	operatorsByName[o.Name] = append(operatorsByName[o.Name], o)
}

// Functions returns every function, in order of registration. Callers must not
// change it.
func Functions() []*Function { return functions }

// Operators returns every operator, in order of registration. Callers must not
// change it.
func Operators() []*Operator { return operators }

// FunctionByOID returns the function with that OID, or nil.
func FunctionByOID(oid types.OID) *Function { return functionsByOID[oid] }

// OperatorByOID returns the operator with that OID, or nil.
func OperatorByOID(oid types.OID) *Operator { return operatorsByOID[oid] }

// Lookup returns the functions of that name: of any schema when schema is
// empty (built-ins are always in the search path), pg_catalog's before quiver's.
func Lookup(schema, name string) []*Function {
	if schema == "" {
		return functionsInPath[name]
	}
	all := functionsByName[name]
	var found []*Function
	for _, f := range all {
		if f.Schema == schema || f.Extension != "" && schema == "public" {
			found = append(found, f)
		}
	}
	return found
}

// LookupOperator returns the operator of exactly these types, or nil. left is
// 0 for a prefix operator.
func LookupOperator(name string, left, right types.OID) *Operator {
	for _, o := range operatorsByName[name] {
		if o.Left == left && o.Right == right {
			return o
		}
	}
	return nil
}

// Specialized returns f with the Impl for one call: f itself when its work does
// not depend on types.
func (f *Function) Specialized(call Signature) (*Function, error) {
	if f.Specialize == nil {
		return f, nil
	}
	impl, err := f.Specialize(call)
	if err != nil {
		return nil, err
	}
	g := *f
	g.Impl = impl
	return &g, nil
}

// fields splits signatures separated by blanks.
func fields(signatures string) []string { return strings.Fields(signatures) }
