package catalog

import (
	"context"
	"errors"
)

// formatVersion is the value of the cluster key: the layout of all keys.
const formatVersion = "1"

const publicComment = "standard public schema"

// firstDescriptors are those of a new cluster. The system schemas belong to no
// database and show in each.
func firstDescriptors() []Descriptor {
	object := func(oid OID, name, comment string) Object {
		return Object{OID: oid, Version: 1, State: StatePublic, Name: name, Comment: comment}
	}
	return []Descriptor{
		&Database{Object: object(PostgresDatabaseOID, "postgres", "default administrative connection database")},
		&Schema{Object: object(PublicSchemaOID, "public", publicComment), Database: PostgresDatabaseOID},
		&Schema{Object: object(PgCatalogSchemaOID, "pg_catalog", "system catalog schema")},
		&Schema{Object: object(InformationSchemaOID, "information_schema", "")},
		&Schema{Object: object(QuiverSchemaOID, "quiver", "live state of the server")},
	}
}

// bootstrap makes the cluster in one transaction; of two servers that try, one
// finds it made.
func (c *Catalog) bootstrap(ctx context.Context) error {
	ops := []Op{{Key: c.keys.cluster(), Value: []byte(formatVersion)}}
	for _, d := range firstDescriptors() {
		value, err := encodeDescriptor(d)
		if err != nil {
			return err
		}
		ops = append(ops, Op{Key: c.keys.descriptor(d.Head().OID), Value: value})
	}
	_, err := retryRead(ctx, func() (int64, error) {
		return c.kv.Txn(ctx, []Compare{{Kind: CompareAbsent, Key: c.keys.cluster()}}, ops)
	})
	if errors.Is(err, ErrConflict) {
		return nil
	}
	return err
}
