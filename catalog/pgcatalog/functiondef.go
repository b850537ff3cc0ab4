package pgcatalog

import (
	"fmt"
	"strings"

	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// languages are the rows of pg_language by name.
var languages = map[string]int{"internal": 12, "c": 13, "sql": 14}

// defaultCost is what CREATE FUNCTION gives a function without COST.
var defaultCost = map[string]float64{"internal": 1, "c": 1, "sql": 100}

// defaultRows is what CREATE FUNCTION gives a set-returning one without ROWS.
const defaultRows = 1000

// functionByOID is the row of pg_proc; nil when there is none.
func functionByOID(oid types.OID) *funcs.Function {
	if f := funcs.FunctionByOID(oid); f != nil {
		return f
	}
	for _, f := range typeProcs() {
		if f.OID == oid {
			return f
		}
	}
	return nil
}

// allFunctions are the rows of pg_proc.
func allFunctions() []*funcs.Function {
	all := append([]*funcs.Function(nil), funcs.Functions()...)
	for _, f := range typeProcs() {
		if funcs.FunctionByOID(f.OID) == nil {
			all = append(all, f)
		}
	}
	return all
}

// declarationOf is how a function was declared; Quiver's own are internal ones.
func declarationOf(f *funcs.Function) *funcs.Declaration {
	if f.Declared != nil {
		return f.Declared
	}
	d := &funcs.Declaration{Language: "internal", Source: f.Name, Parallel: 's', Cost: 1}
	if f.ReturnsSet {
		d.Rows = defaultRows
	}
	return d
}

func getFunctionArguments(c call) (any, error) { return functionArguments(c.oid(0), true) }

func getFunctionIdentityArguments(c call) (any, error) { return functionArguments(c.oid(0), false) }

// functionArguments spells the arguments of a function; nil when there is none.
func functionArguments(oid types.OID, defaults bool) (any, error) {
	f := functionByOID(oid)
	if f == nil {
		return nil, nil
	}
	var args []string
	for i, typ := range f.Args {
		arg := types.TypeName(typ)
		if i < len(f.ArgNames) && f.ArgNames[i] != "" {
			arg = quoteIdent(f.ArgNames[i]) + " " + arg
		}
		if f.Variadic != 0 && i == len(f.Args)-1 {
			arg = "VARIADIC " + arg
		}
		if k := i - (len(f.Args) - len(f.Defaults)); defaults && k >= 0 {
			arg += " DEFAULT " + f.Defaults[k]
		}
		args = append(args, arg)
	}
	for _, column := range f.Columns {
		if defaults {
			args = append(args, "OUT "+quoteIdent(column.Name)+" "+types.TypeName(column.Type))
		}
	}
	return strings.Join(args, ", "), nil
}

func getFunctionResult(c call) (any, error) {
	f := functionByOID(c.oid(0))
	if f == nil || f.Kind == funcs.KindProcedure {
		return nil, nil
	}
	return functionResult(f), nil
}

func functionResult(f *funcs.Function) string {
	if f.ReturnsSet {
		return "SETOF " + types.TypeName(f.Result)
	}
	return types.TypeName(f.Result)
}

func getFunctionBody(c call) (any, error) {
	if f := functionByOID(c.oid(0)); f != nil {
		return textOrNull(declarationOf(f).Body), nil
	}
	return nil, nil
}

// getFunctionDefinition is the CREATE OR REPLACE FUNCTION that would make a
// function.
func getFunctionDefinition(c call) (any, error) {
	f := functionByOID(c.oid(0))
	if f == nil {
		return nil, nil
	}
	if f.Kind == funcs.KindAggregate {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is an aggregate function", f.Name)
	}
	args, err := functionArguments(f.OID, true)
	if err != nil {
		return nil, err
	}
	d := declarationOf(f)
	var b strings.Builder
	object := "FUNCTION"
	if f.Kind == funcs.KindProcedure {
		object = "PROCEDURE"
	}
	fmt.Fprintf(&b, "CREATE OR REPLACE %s %s(%s)\n", object, qualified(functionSchema(f), f.Name), args)
	if f.Kind != funcs.KindProcedure {
		fmt.Fprintf(&b, " RETURNS %s\n", functionResult(f))
	}
	fmt.Fprintf(&b, " LANGUAGE %s\n", d.Language)
	if attributes := functionAttributes(f, d); attributes != "" {
		b.WriteString(attributes + "\n")
	}
	if d.Body != "" {
		b.WriteString(d.Body + "\n")
		return b.String(), nil
	}
	b.WriteString("AS ")
	if d.Language == "c" {
		fmt.Fprintf(&b, "'$libdir/%s', ", f.Extension)
	}
	b.WriteString("$" + strings.ToLower(object) + "$" + d.Source + "$" + strings.ToLower(object) + "$\n")
	return b.String(), nil
}

// functionAttributes are the options that differ from the defaults, each with a
// blank before it.
func functionAttributes(f *funcs.Function, d *funcs.Declaration) (text string) {
	add := func(when bool, option string) {
		if when {
			text += " " + option
		}
	}
	add(f.Kind == funcs.KindWindow, "WINDOW")
	add(f.Volatility == funcs.Immutable, "IMMUTABLE")
	add(f.Volatility == funcs.Stable, "STABLE")
	add(d.Parallel == 's', "PARALLEL SAFE")
	add(d.Parallel == 'r', "PARALLEL RESTRICTED")
	add(f.Strict, "STRICT")
	add(d.Leakproof, "LEAKPROOF")
	add(d.Cost != defaultCost[d.Language], fmt.Sprintf("COST %g", d.Cost))
	add(d.Rows > 0 && d.Rows != defaultRows, fmt.Sprintf("ROWS %g", d.Rows))
	add(d.Support != 0, "SUPPORT "+functionName(d.Support))
	return text
}
