package catalog

import "slices"

// Opclass is an operator class of a vector index: which type it takes and by
// which operator it orders. The names are pgvector's; pg_opclass, pg_opfamily
// and pg_amop show them.
type Opclass struct {
	Name string
	// Type is the name of the type indexed: vector, halfvec, bit, sparsevec.
	Type string
	// Operator is the distance that the index orders by: <->, <#>, <=>, <+>,
	// <~> or <%>.
	Operator string
	// Methods are the access methods that have the class; DefaultOf those for
	// which it is the type's default.
	Methods, DefaultOf []string
}

// VectorVersion is the version of pgvector whose SQL the built-in extension has.
const VectorVersion = "0.8.6"

// The access methods of vector indexes, and the groups that classes are for.
var (
	allMethods   = []string{"ivfflat", "hnsw", "diskann"}
	graphMethods = []string{"hnsw", "diskann"}
)

// opclasses in the order of pgvector's script.
var opclasses = []*Opclass{
	{Name: "vector_l2_ops", Type: "vector", Operator: "<->", Methods: allMethods, DefaultOf: []string{"ivfflat"}},
	{Name: "vector_ip_ops", Type: "vector", Operator: "<#>", Methods: allMethods},
	{Name: "vector_cosine_ops", Type: "vector", Operator: "<=>", Methods: allMethods},
	{Name: "vector_l1_ops", Type: "vector", Operator: "<+>", Methods: graphMethods},
	{Name: "halfvec_l2_ops", Type: "halfvec", Operator: "<->", Methods: allMethods},
	{Name: "halfvec_ip_ops", Type: "halfvec", Operator: "<#>", Methods: allMethods},
	{Name: "halfvec_cosine_ops", Type: "halfvec", Operator: "<=>", Methods: allMethods},
	{Name: "halfvec_l1_ops", Type: "halfvec", Operator: "<+>", Methods: graphMethods},
	{Name: "bit_hamming_ops", Type: "bit", Operator: "<~>", Methods: allMethods},
	{Name: "bit_jaccard_ops", Type: "bit", Operator: "<%>", Methods: []string{"hnsw"}},
	{Name: "sparsevec_l2_ops", Type: "sparsevec", Operator: "<->", Methods: []string{"hnsw"}},
	{Name: "sparsevec_ip_ops", Type: "sparsevec", Operator: "<#>", Methods: []string{"hnsw"}},
	{Name: "sparsevec_cosine_ops", Type: "sparsevec", Operator: "<=>", Methods: []string{"hnsw"}},
	{Name: "sparsevec_l1_ops", Type: "sparsevec", Operator: "<+>", Methods: []string{"hnsw"}},
}

// Opclasses lists the operator classes of vector indexes.
func Opclasses() []*Opclass { return opclasses }

// OpclassByName finds the operator class of that name that a method has, nil
// if there is none.
func OpclassByName(method, name string) *Opclass {
	for _, o := range opclasses {
		if o.Name == name && slices.Contains(o.Methods, method) {
			return o
		}
	}
	return nil
}

// DefaultOpclass finds a type's default operator class for a method, nil if
// there is none.
func DefaultOpclass(method, typeName string) *Opclass {
	for _, o := range opclasses {
		if o.Type == typeName && slices.Contains(o.DefaultOf, method) {
			return o
		}
	}
	return nil
}

// VectorOpclass is the operator class of a vector index; nil for other indexes.
// A descriptor always names its class, the default one too.
func (i *Index) VectorOpclass() *Opclass {
	if len(i.Columns) != 1 {
		return nil
	}
	return OpclassByName(i.Method, i.Columns[0].Opclass)
}
