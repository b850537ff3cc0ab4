package funcs

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"quiver/sql/types"
)

// factFiles are the rows of Postgres' own catalogs: see facts/README.md.
//
//go:embed facts/*.txt
var factFiles embed.FS

// operatorFact is a row of pg_operator, with types by name.
type operatorFact struct {
	oid                       types.OID
	name, left, right, result string
	commutator, negator       string
	comment                   string
}

// facts is what Postgres says of its built-ins; an implementation adds itself
// to a row by its signature, name(type,type).
type facts struct {
	functions map[string]*Function
	// operators by the signature of their function.
	operators map[string][]operatorFact
	// foreign holds the signatures over types that the registry lacks.
	foreign map[string]bool
}

// known is filled before any init function of the package runs.
var known = loadFacts()

func loadFacts() *facts {
	f := &facts{functions: map[string]*Function{}, operators: map[string][]operatorFact{}, foreign: map[string]bool{}}
	for _, file := range []struct{ name, extension string }{{"pg", ""}, {"pgvector", "vector"}} {
		eachFact(file.name+"_proc.txt", func(row []string) { f.addFunction(row, file.extension) })
		eachFact(file.name+"_operator.txt", f.addOperator)
	}
	return f
}

// eachFact calls f with the fields of every line of a file.
func eachFact(name string, f func(row []string)) {
	text, err := factFiles.ReadFile("facts/" + name)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		f(strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
}

func (f *facts) addFunction(row []string, extension string) {
	oid, err := strconv.ParseUint(row[0], 10, 32)
	if err != nil || len(row) != 21 {
		panic(fmt.Sprintf("funcs: malformed fact %q", row))
	}
	fn := &Function{
		OID: types.OID(oid), Schema: "pg_catalog", Extension: extension, Name: row[1], Kind: Kind(row[2][0]),
		Volatility: Volatility(row[5][0]), Strict: row[6] == "t", ReturnsSet: row[7] == "t",
		ArgNames: list(row[9]), Defaults: list(row[11]), Declared: declaration(row[12:]),
	}
	resolved := true
	find := func(name string) types.OID {
		if t := types.ByName(name); t != nil {
			return t.OID
		}
		resolved = false
		return 0
	}
	for _, name := range list(row[3]) {
		fn.Args = append(fn.Args, find(name))
	}
	fn.Result = find(row[4])
	if row[8] != "" {
		fn.Variadic = find(row[8])
	}
	for _, column := range list(row[10]) {
		name, typ, _ := strings.Cut(column, " ")
		fn.Columns = append(fn.Columns, Column{Name: name, Type: find(typ)})
	}
	signature := row[1] + "(" + row[3] + ")"
	if resolved {
		f.functions[signature] = fn
	} else {
		f.foreign[signature] = true
	}
}

// declaration reads the last nine fields of a function's row.
func declaration(row []string) *Declaration {
	number := func(s string) float64 {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil {
			panic(fmt.Sprintf("funcs: malformed fact %q", row))
		}
		return n
	}
	return &Declaration{
		Language: row[0], Source: row[1], Body: strings.ReplaceAll(row[2], `\n`, "\n"), Parallel: row[3][0], Leakproof: row[4] == "t",
		Cost: number(row[5]), Rows: number(row[6]), Support: types.OID(number(row[7])), Comment: row[8],
	}
}

func (f *facts) addOperator(row []string) {
	oid, err := strconv.ParseUint(row[0], 10, 32)
	if err != nil || len(row) != 9 {
		panic(fmt.Sprintf("funcs: malformed fact %q", row))
	}
	f.operators[row[5]] = append(f.operators[row[5]], operatorFact{
		oid: types.OID(oid), name: row[1], left: row[2], right: row[3], result: row[4], commutator: row[6], negator: row[7],
		comment: row[8],
	})
}

// list splits a comma-separated field; an empty one is nil.
func list(s string) []string {
	if s == "" {
		return nil
	}
	items := strings.Split(s, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return items
}
