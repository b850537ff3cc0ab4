package catalog

import "quiver/sql/types"

// The strategies of PARTITION BY: pg_partitioned_table.partstrat.
const (
	PartitionByRange byte = 'r'
	PartitionByList  byte = 'l'
	PartitionByHash  byte = 'h'
)

// AutomaticPartitions is how many partitions a table has that is partitioned by
// hash and was given neither a number nor partitions; AutomaticPartitionsMax the
// most that may be asked for.
const (
	AutomaticPartitions    = 16
	AutomaticPartitionsMax = 1024
)

// PartitionKey is what PARTITION BY says of a table: which partition a row
// belongs to follows from the values of Columns.
type PartitionKey struct {
	Strategy byte                 `json:"strategy"`
	Columns  []PartitionKeyColumn `json:"columns"`
	// Automatic is how many partitions the table has of itself, which share the
	// rows by hash and are no relations (Milvus' partition key); 0 when they are
	// made one by one.
	Automatic int `json:"automatic,omitempty"`
	// Fixed: the number was asked for, and other partitions are refused.
	// Otherwise the first one made takes the place of the automatic ones.
	Fixed bool `json:"fixed,omitempty"`
}

// PartitionKeyColumn is a column or an expression of a partition key.
type PartitionKeyColumn struct {
	// Number is of the table's column, 0 for an expression.
	Number int16 `json:"number"`
	// Expr is the SQL text of an expression, Uses the columns it reads.
	Expr string  `json:"expr,omitempty"`
	Uses []int16 `json:"uses,omitempty"`
	Type types.T `json:"type"`
}

// Explicit says whether the partitions are made one by one, as in Postgres: then
// the table is one of relkind p, and each partition a relation.
func (t *Table) Explicit() bool { return t.PartitionKey != nil && t.PartitionKey.Automatic == 0 }

// KeyWithin says whether the columns of the partition key are all among those
// numbered: rows of one partition then differ in them from rows of another.
func (k *PartitionKey) KeyWithin(numbers []int16) bool {
	for _, c := range k.Columns {
		found := false
		for _, n := range numbers {
			found = found || c.Number != 0 && c.Number == n
		}
		if !found {
			return false
		}
	}
	return true
}

// PartitionBound is FOR VALUES …: which rows a partition takes. Just one of its
// parts is set.
type PartitionBound struct {
	// Default takes what no other partition takes.
	Default bool `json:"default,omitempty"`
	// List has the values of IN.
	List []BoundValue `json:"list,omitempty"`
	// From (included) and To (not) of a range have a value for each column.
	From []BoundValue `json:"from,omitempty"`
	To   []BoundValue `json:"to,omitempty"`
	// Modulus and Remainder of the hash.
	Modulus   uint64 `json:"modulus,omitempty"`
	Remainder uint64 `json:"remainder,omitempty"`
}

// BoundValue is one value of a bound.
type BoundValue struct {
	Kind BoundKind `json:"kind,omitempty"`
	// Text is the value as its type prints it, Key its order-preserving encoding
	// (types.Type.AppendKey).
	Text string `json:"text,omitempty"`
	Key  []byte `json:"key,omitempty"`
}

// BoundKind tells a value from what stands for one.
type BoundKind byte

// The kinds.
const (
	BoundDatum BoundKind = iota
	BoundNull
	BoundMinValue
	BoundMaxValue
)

// The markers of keys: what stands before the encoded values of a row and of
// bounds, so that they compare as rows and bounds do.
const (
	keyMinValue byte = iota
	keyDatum
	keyNull
	keyMaxValue
)

// AppendKeyDatum begins the encoding of a value that is not null in the key of a
// row; what types.Type.AppendKey appends follows.
func AppendKeyDatum(dst []byte) []byte { return append(dst, keyDatum) }

// AppendKeyNull encodes a null.
func AppendKeyNull(dst []byte) []byte { return append(dst, keyNull) }

// AppendKeyAfter ends a key above all that begin with what dst has.
func AppendKeyAfter(dst []byte) []byte { return append(dst, keyMaxValue) }

// boundKeyOf encodes values of a bound, up to the first that is unbounded.
func boundKeyOf(values []BoundValue) string {
	var dst []byte
	for _, v := range values {
		switch v.Kind {
		case BoundMinValue:
			return string(append(dst, keyMinValue))
		case BoundMaxValue:
			return string(append(dst, keyMaxValue))
		case BoundNull:
			dst = AppendKeyNull(dst)
		default:
			dst = append(AppendKeyDatum(dst), v.Key...)
		}
	}
	return string(dst)
}

// FromKey and ToKey are the ends of a range as keys of rows compare with them.
func (b *PartitionBound) FromKey() string { return boundKeyOf(b.From) }

// ToKey is the end that is not within the range.
func (b *PartitionBound) ToKey() string { return boundKeyOf(b.To) }
