package executor

import (
	"context"
	"fmt"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// indexOption is a storage parameter of an access method: an integer within
// bounds, or one of some words.
type indexOption struct {
	name     string
	min, max int
	words    []string
}

var (
	optionM            = indexOption{name: "m", min: 2, max: 100}
	optionConstruction = indexOption{name: "ef_construction", min: 4, max: 1000}
	optionLists        = indexOption{name: "lists", min: 1, max: 32768}
	optionQuantization = indexOption{name: "quantization", words: []string{"none", "sq8", "rabitq"}}
	optionBits         = indexOption{name: "bits", min: 1, max: 8}
)

// indexOptions are the parameters by access method: pgvector's, and ours for
// the quantised forms.
var indexOptions = map[string][]indexOption{
	"hnsw":    {optionM, optionConstruction, optionQuantization, optionBits},
	"ivfflat": {optionLists, optionQuantization, optionBits},
	"diskann": {optionLists, optionQuantization, optionBits},
}

// hnsw's parameters unless said otherwise.
const (
	defaultM              = 16
	defaultEfConstruction = 64
)

// setIndexOptions is WITH (…) and SET (…): it returns the index with the
// parameters set.
func setIndexOptions(index *catalog.Index, options []*ast.Option) (*catalog.Index, error) {
	seen := map[string]bool{}
	for _, o := range options {
		if o.Namespace != "" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter namespace %s", quoted(o.Namespace))
		}
		known := findIndexOption(index.Method, o.Name)
		if known == nil {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter %s", quoted(o.Name))
		}
		if seen[o.Name] {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "parameter %s specified more than once", quoted(o.Name))
		}
		seen[o.Name] = true
		value := optionText(o)
		if err := known.check(value); err != nil {
			return nil, err
		}
		index = index.SetOption(o.Name, value)
	}
	return index, nil
}

// resetIndexOptions is RESET (…); names that mean nothing are passed over.
func resetIndexOptions(index *catalog.Index, options []*ast.Option) (*catalog.Index, error) {
	for _, o := range options {
		if o.Value != nil {
			return nil, sqlerr.New(sqlerr.SyntaxError, "RESET must not include values for parameters")
		}
		index = index.ResetOption(o.Name)
	}
	return index, nil
}

func findIndexOption(method, name string) *indexOption {
	for i, o := range indexOptions[method] {
		if o.name == name {
			return &indexOptions[method][i]
		}
	}
	return nil
}

// optionText is the value of an option as it was written; true for a bare name.
func optionText(o *ast.Option) string {
	c, ok := o.Value.(*ast.Const)
	if !ok {
		return "true"
	}
	return c.Text
}

func (o *indexOption) check(value string) error {
	if o.words != nil {
		for _, w := range o.words {
			if strings.EqualFold(w, value) {
				return nil
			}
		}
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for enum option %s: %s", quoted(o.name), value).
			WithDetail("Valid values are %s.", listed(o.words))
	}
	n, ok := catalog.ParseOption(value)
	if !ok {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for integer option %s: %s", quoted(o.name), value)
	}
	if n < o.min || n > o.max {
		return sqlerr.New(sqlerr.InvalidParameterValue, "value %s out of bounds for option %s", value, quoted(o.name)).
			WithDetail("Valid values are between \"%d\" and \"%d\".", o.min, o.max)
	}
	return nil
}

// listed is "a", "b", and "c".
func listed(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quoted(w)
	}
	last := len(out) - 1
	return strings.Join(out[:last], ", ") + fmt.Sprintf(", and %s", out[last])
}

// checkIndexOptions checks parameters against each other, as they hold for a
// build.
func checkIndexOptions(index *catalog.Index) error {
	if index.Method != "hnsw" {
		return nil
	}
	m, ef := index.Integer("m"), index.Integer("ef_construction")
	if m == 0 {
		m = defaultM
	}
	if ef == 0 {
		ef = defaultEfConstruction
	}
	if ef < 2*m {
		return sqlerr.New(sqlerr.InvalidParameterValue, "ef_construction must be greater than or equal to 2 * m")
	}
	return nil
}

// checkBits refuses bits beside a quantization that has none, where parameters are
// given. An index that has them so from before is built all the same.
func checkBits(index *catalog.Index) error {
	form := strings.ToLower(index.Options["quantization"])
	if index.Integer("bits") == 0 || form == "rabitq" || form == "" && index.Method != "hnsw" {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "option \"bits\" requires quantization = 'rabitq'")
}

// alterIndex is ALTER INDEX … SET and RESET of parameters: they hold from the
// next build on, which may be one in the background, so what cannot be built is
// refused at once.
func (d *ddl) alterIndex(_ context.Context, index *catalog.Index, s *ast.AlterTableStmt) error {
	for _, cmd := range s.Commands {
		var err error
		switch cmd.Action {
		case ast.AlterSetOptions:
			if indexOptions[index.Method] == nil {
				return sqlerr.Unsupported("parameters of %s indexes", index.Method)
			}
			index, err = setIndexOptions(index, cmd.Options)
		case ast.AlterResetOptions:
			index, err = resetIndexOptions(index, cmd.Options)
		case ast.AlterOther:
			return sqlerr.Unsupported("%s", strings.Replace(cmd.Other, "ALTER TABLE", "ALTER INDEX", 1))
		default:
			return sqlerr.New(sqlerr.WrongObjectType, "ALTER action cannot be performed on relation %s", quoted(index.Name)).
				WithDetail("This operation is not supported for indexes.")
		}
		if err != nil {
			return err
		}
	}
	if table := d.catalog().Table(index.Table); table != nil && index.VectorOpclass() != nil {
		if err := checkBits(index); err != nil {
			return err
		}
		if err := checkVectorIndex(table, index); err != nil {
			return err
		}
	}
	fresh := *index
	return d.catalog().Put(&fresh)
}
