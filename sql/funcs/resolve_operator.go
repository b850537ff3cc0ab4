package funcs

import (
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// OperatorResolution is what an operator expression means.
type OperatorResolution struct {
	Operator *Operator
	// Function is Operator's, specialised for the operands.
	Function *Function
	// Left and Right are the types that the operands must be coerced to,
	// implicitly; Left is zero for a prefix operator.
	Left, Right types.T
	Result      types.T
}

// ResolveOperator finds the operator that left name right means, by the rules
// of manual section 10.2. left is nil for a prefix operator. Errors are 42883
// and 42725, as Postgres words them, without position.
func ResolveOperator(schema, name string, left *types.T, right types.T) (*OperatorResolution, error) {
	var actual []types.OID
	if left != nil {
		actual = append(actual, left.OID)
	}
	actual = append(actual, right.OID)

	o := exactOperator(schema, name, actual)
	if o == nil {
		matching := matchCandidates(operatorCandidates(schema, name, len(actual)), actual)
		if len(matching) > 1 {
			matching = selectCandidate(matching, actual)
		}
		switch len(matching) {
		case 0:
			return nil, errNoOperator(schema, name, actual)
		case 1:
			o = matching[0].operator
		default:
			return nil, sqlerr.New(sqlerr.AmbiguousFunction, "operator is not unique: %s", spellOperator(schema, name, actual)).
				WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
		}
	}
	return finishOperator(o, actual, left, right)
}

// exactOperator is the operator of just these types; an unknown side counts as
// the type of the other.
func exactOperator(schema, name string, actual []types.OID) *Operator {
	want := assumeSame(actual)
	for _, o := range operatorsByName[name] {
		if !inSchema(o, schema) || o.Right != want[len(want)-1] {
			continue
		}
		if len(want) == 1 && o.Left == 0 && want[0] != types.UnknownOID || len(want) == 2 && o.Left == want[0] {
			return o
		}
	}
	return nil
}

func assumeSame(actual []types.OID) []types.OID {
	if len(actual) != 2 || (actual[0] == types.UnknownOID) == (actual[1] == types.UnknownOID) {
		return actual
	}
	if actual[0] == types.UnknownOID {
		return []types.OID{actual[1], actual[1]}
	}
	return []types.OID{actual[0], actual[0]}
}

func inSchema(o *Operator, schema string) bool {
	return schema == "" || o.Function.Schema == schema || o.Function.Extension != "" && schema == "public"
}

func operatorCandidates(schema, name string, operands int) []candidate {
	var list []candidate
	for _, o := range operatorsByName[name] {
		if !inSchema(o, schema) || (o.Left == 0) != (operands == 1) {
			continue
		}
		c := candidate{operator: o, args: []types.OID{o.Right}}
		if operands == 2 {
			c.args = []types.OID{o.Left, o.Right}
		}
		list = append(list, c)
	}
	return list
}

func finishOperator(o *Operator, actual []types.OID, left *types.T, right types.T) (*OperatorResolution, error) {
	declared := []types.OID{o.Right}
	given := []types.T{right}
	if left != nil {
		declared, given = []types.OID{o.Left, o.Right}, []types.T{*left, right}
	}
	args, result, err := resolvePolymorphic(actual, declared, o.Result)
	if err != nil {
		return nil, err
	}
	signature := Signature{Result: types.Of(result)}
	for i, oid := range args {
		t := types.Of(oid)
		if oid == given[i].OID {
			t.Mod = given[i].Mod
		}
		signature.Args = append(signature.Args, t)
	}
	if o.Function.ResultType != nil {
		signature.Result = o.Function.ResultType(signature.Args)
	}
	r := &OperatorResolution{Operator: o, Right: signature.Args[len(args)-1], Result: signature.Result}
	if left != nil {
		r.Left = signature.Args[0]
	}
	r.Function, err = o.Function.Specialized(signature)
	return r, err
}

func spellOperator(schema, name string, actual []types.OID) string {
	if schema != "" {
		name = schema + "." + name
	}
	if len(actual) == 1 {
		return name + " " + typeName(actual[0])
	}
	return typeName(actual[0]) + " " + name + " " + typeName(actual[1])
}

func errNoOperator(schema, name string, actual []types.OID) error {
	err := sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", spellOperator(schema, name, actual))
	if len(actual) == 1 {
		return err.WithHint("No operator matches the given name and argument type. You might need to add an explicit type cast.")
	}
	return err.WithHint("No operator matches the given name and argument types. You might need to add explicit type casts.")
}
