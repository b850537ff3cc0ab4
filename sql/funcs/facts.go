package funcs

import (
	_ "embed" // the facts
	"fmt"
	"strconv"
	"strings"

	"quiver/sql/types"
)

// The rows of Postgres' own catalogs: see facts/README.md.
var (
	//go:embed facts/pg_proc.txt
	procFacts string
	//go:embed facts/pg_operator.txt
	operatorFacts string
	//go:embed facts/pgvector_proc.txt
	pgvectorProcFacts string
	//go:embed facts/pgvector_operator.txt
	pgvectorOperatorFacts string
)

// operatorFact is a row of pg_operator, with types by name.
type operatorFact struct {
	oid                       types.OID
	name, left, right, result string
	commutator, negator       string
	comment                   string
}

// facts is what Postgres says of its built-ins; an implementation adds itself
// to a row by its signature, name(type,type). Rows of functions are read when they
// are asked for: each process begins with it, and half of them never are.
type facts struct {
	rows      map[factKey]factRow
	functions map[factKey]*Function
	// operators by the signature of their function.
	operators map[string][]operatorFact
}

// factKey is a signature: a name, and the types between its parentheses.
type factKey struct{ name, args string }

func factKeyOf(signature string) factKey {
	name, args, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
	return factKey{name, args}
}

// factRow is a line of pg_proc.txt, of Postgres or of an extension.
type factRow struct{ line, extension string }

// known is filled before any init function of the package runs.
var known = loadFacts()

func loadFacts() *facts {
	f := &facts{
		rows: make(map[factKey]factRow, strings.Count(procFacts, "\n")+strings.Count(pgvectorProcFacts, "\n")), functions: map[factKey]*Function{},
		operators: make(map[string][]operatorFact, strings.Count(operatorFacts, "\n")+strings.Count(pgvectorOperatorFacts, "\n")),
	}
	for _, file := range []struct{ procs, operators, extension string }{{procFacts, operatorFacts, ""}, {pgvectorProcFacts, pgvectorOperatorFacts, "vector"}} {
		for line := range strings.Lines(file.procs) {
			line = strings.TrimSuffix(line, "\n")
			var begin [5]string // the last has the rest
			splitFact(line, begin[:])
			f.rows[factKey{begin[1], begin[3]}] = factRow{line, file.extension}
		}
		for line := range strings.Lines(file.operators) {
			f.addOperator(strings.TrimSuffix(line, "\n"))
		}
	}
	return f
}

// splitFact puts the fields of a line into row, the last of which has the rest, and
// says how many there are.
func splitFact(line string, row []string) int {
	for i := range row[:len(row)-1] {
		field, rest, more := strings.Cut(line, "\t")
		row[i], line = field, rest
		if !more {
			return i + 1
		}
	}
	row[len(row)-1] = line
	return len(row)
}

// function returns the row of a signature, nil when there is none. It is foreign if a
// type of it is not in the registry.
func (f *facts) function(signature string) (fn *Function, foreign bool) {
	key := factKeyOf(signature)
	if fn := f.functions[key]; fn != nil {
		return fn, false
	}
	row, ok := f.rows[key]
	if !ok {
		return nil, false
	}
	fn, resolved := parseFunction(row)
	if !resolved {
		return nil, true
	}
	f.functions[key] = fn
	return fn, false
}

// parseFunction reads a row; resolved says that the registry has its types.
func parseFunction(fact factRow) (fn *Function, resolved bool) {
	var row [21]string
	n := splitFact(fact.line, row[:])
	oid, err := strconv.ParseUint(row[0], 10, 32)
	if err != nil || n != len(row) || strings.Contains(row[20], "\t") {
		panic(fmt.Sprintf("funcs: malformed fact %q", row))
	}
	fn = &Function{
		OID: types.OID(oid), Schema: "pg_catalog", Extension: fact.extension, Name: row[1], Kind: Kind(row[2][0]),
		Volatility: Volatility(row[5][0]), Strict: row[6] == "t", ReturnsSet: row[7] == "t",
		ArgNames: list(row[9]), Defaults: list(row[11]), Declared: declaration(row[12:]),
	}
	resolved = true
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
	return fn, resolved
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

func (f *facts) addOperator(line string) {
	var row [9]string
	n := splitFact(line, row[:])
	oid, err := strconv.ParseUint(row[0], 10, 32)
	if err != nil || n != len(row) || strings.Contains(row[8], "\t") {
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
