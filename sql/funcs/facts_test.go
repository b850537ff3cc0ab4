package funcs

import (
	"strings"
	"testing"

	"quiver/sql/types"
)

// TestFacts holds every registration against the row of pg_proc that it names:
// nothing is registered beside the facts, and nothing that they give is lost.
func TestFacts(t *testing.T) {
	bySignature := map[string]*Function{}
	for _, f := range Functions() {
		signature := f.Name + "(" + strings.Join(typeNames(f.Args), ",") + ")"
		if fact, _ := known.function(signature); fact != f && f.Schema == "pg_catalog" {
			t.Errorf("%s is not a row of pg_proc", signature)
		}
		bySignature[signature] = f
		works := 0
		for _, has := range []bool{f.Kernel != nil, f.Rows != nil, f.Aggregate != nil, f.Window != nil, f.Specialize != nil} {
			if has {
				works++
			}
		}
		if works != 1 {
			t.Errorf("%s has %d implementations", signature, works)
		}
		if (f.Kind == KindAggregate) != (f.Aggregate != nil) {
			t.Errorf("%s is of kind %c", signature, f.Kind)
		}
		if f.Rows != nil && !f.ReturnsSet {
			t.Errorf("%s returns no set in Postgres", signature)
		}
		if f.OID == 0 || f.Result == 0 {
			t.Errorf("%s lacks an OID or a result", signature)
		}
	}
	// Every operator over a function comes with it.
	for signature, list := range known.operators {
		if bySignature[signature] == nil {
			continue
		}
		for _, o := range list {
			op := OperatorByOID(o.oid)
			if op == nil || op.Name != o.name || op.Function != bySignature[signature] || types.ByOID(op.Result).Name != o.result {
				t.Errorf("operator %s over %s is wrong: %+v", o.name, signature, op)
			}
		}
	}
	// Those that nobody registered are well formed, too.
	for key := range known.rows {
		if fact, foreign := known.function(key.name + "(" + key.args + ")"); fact == nil && !foreign {
			t.Errorf("the row of %s(%s) is not found", key.name, key.args)
		}
	}
	if n := len(Functions()); n < 800 {
		t.Errorf("only %d functions are registered", n)
	}
	if len(foreignBuiltins) > 0 {
		t.Errorf("registered over types that do not exist: %v", foreignBuiltins)
	}
}

func typeNames(oids []types.OID) []string {
	var names []string
	for _, oid := range oids {
		names = append(names, types.ByOID(oid).Name)
	}
	return names
}

// TestOperatorPairs: commutators and negators that are registered point back.
func TestOperatorPairs(t *testing.T) {
	for _, o := range Operators() {
		if o.Commutator != "" {
			if c := LookupOperator(o.Commutator, o.Right, o.Left); c != nil && c.Commutator != o.Name {
				t.Errorf("%s (%d): the commutator %s has commutator %s", o.Name, o.OID, c.Name, c.Commutator)
			}
		}
		if o.Negator != "" {
			if n := LookupOperator(o.Negator, o.Left, o.Right); n != nil && n.Negator != o.Name {
				t.Errorf("%s (%d): the negator %s has negator %s", o.Name, o.OID, n.Name, n.Negator)
			}
		}
	}
	for _, name := range []string{"<->", "<=>", "<#>", "<+>"} {
		if o := LookupOperator(name, types.VectorOID, types.VectorOID); o == nil || o.Distance == "" {
			t.Errorf("%s is not marked as a distance", name)
		}
	}
}
