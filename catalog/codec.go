package catalog

import (
	"encoding/json"
	"fmt"
)

// A stored descriptor is a byte for its kind and the JSON of the struct; the
// kind dropped alone stands for a removal in a staged transaction.
const (
	kindDatabase  = 'd'
	kindSchema    = 'n'
	kindTable     = 't'
	kindPartition = 'p'
	kindIndex     = 'i'
	kindSequence  = 's'
	kindAlias     = 'a'
	kindDropped   = 'x'
)

// CorruptionError is a stored value that cannot be what this program wrote.
type CorruptionError struct {
	Key string
	Err error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("catalog: corrupt value of %s: %v", e.Key, e.Err)
}

// Unwrap returns the cause.
func (e *CorruptionError) Unwrap() error { return e.Err }

func encodeDescriptor(d Descriptor) ([]byte, error) {
	var kind byte
	switch d.(type) {
	case *Database:
		kind = kindDatabase
	case *Schema:
		kind = kindSchema
	case *Table:
		kind = kindTable
	case *Partition:
		kind = kindPartition
	case *Index:
		kind = kindIndex
	case *Sequence:
		kind = kindSequence
	case *Alias:
		kind = kindAlias
	default:
		return nil, fmt.Errorf("catalog: %T is not stored", d)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return append([]byte{kind}, text...), nil
}

// decodeDescriptor reads what encodeDescriptor wrote; nil for a removal.
func decodeDescriptor(key string, value []byte) (Descriptor, error) {
	if len(value) == 0 {
		return nil, &CorruptionError{key, fmt.Errorf("empty")}
	}
	var d Descriptor
	switch value[0] {
	case kindDropped:
		return nil, nil
	case kindDatabase:
		d = new(Database)
	case kindSchema:
		d = new(Schema)
	case kindTable:
		d = new(Table)
	case kindPartition:
		d = new(Partition)
	case kindIndex:
		d = new(Index)
	case kindSequence:
		d = new(Sequence)
	case kindAlias:
		d = new(Alias)
	default:
		return nil, &CorruptionError{key, fmt.Errorf("unknown kind %q", value[0])}
	}
	if err := json.Unmarshal(value[1:], d); err != nil {
		return nil, &CorruptionError{key, err}
	}
	return d, nil
}
