package executor

import (
	"math"
	"slices"
	"time"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// The bounds of Quiver's parameters.
const (
	// shardsMax: each shard multiplies the fan-out of a search.
	shardsMax = 64
	// SegmentBytesLeast is for those who want to see segments come and go.
	SegmentBytesLeast, SegmentBytesMost = 1 << 20, 64 << 30
	compressionLevelMost                = 22
	durationMost                        = 36500 * day
)

// tableParameters are the storage parameters of tables: Quiver's, then those of
// PostgreSQL 15 (Storage Parameters in its CREATE TABLE), which are kept for
// dumps and tools and mean nothing here.
var tableParameters = parameters{
	{
		name: "shards", kind: intParameter{1, shardsMax}, fixed: true, ofTable: true,
		apply: func(t *parameterTarget, v any) { *t.shards = v.(int) },
	},
	{
		name: "partitions", kind: intParameter{1, catalog.AutomaticPartitionsMax}, fixed: true, ofTable: true,
		apply: func(t *parameterTarget, v any) { *t.partitions = v.(int) },
	},
	{
		name: "segment_max_size", kind: bytesParameter{SegmentBytesLeast, SegmentBytesMost},
		apply: func(t *parameterTarget, v any) { t.options.SegmentBytesMax = v.(int64) },
		reset: func(t *parameterTarget) { t.options.SegmentBytesMax = 0 },
	},
	{
		// A statement under way goes by the time to live that it was planned with, and
		// merges by the newest: they would take rows from it that it is to see.
		name: "ttl", kind: durationParameter{0, durationMost}, exclusive: true,
		apply: func(t *parameterTarget, v any) { d := v.(time.Duration); t.options.TTL = &d },
		reset: func(t *parameterTarget) { t.options.TTL = nil },
	},
	{
		name: "gc_retention", kind: durationParameter{0, durationMost},
		apply: func(t *parameterTarget, v any) { d := v.(time.Duration); t.options.Retention = &d },
		reset: func(t *parameterTarget) { t.options.Retention = nil },
	},
	{
		name: "compression", kind: enumParameter{words: catalog.Codecs},
		apply: func(t *parameterTarget, v any) { t.options.Compression = v.(string) },
		reset: func(t *parameterTarget) { t.options.Compression = "" },
	},
	{
		name: "compression_level", kind: intParameter{1, compressionLevelMost},
		apply: func(t *parameterTarget, v any) { t.options.CompressionLevel = v.(int) },
		reset: func(t *parameterTarget) { t.options.CompressionLevel = 0 },
	},
	{
		name: "consistency_level", kind: enumParameter{words: []string{"strong", "bounded", "session", "eventually"}}, ofTable: true,
		apply: func(t *parameterTarget, v any) { t.options.ConsistencyLevel = v.(string) },
		reset: func(t *parameterTarget) { t.options.ConsistencyLevel = "" },
	},
	{
		name: "mmap", kind: boolParameter{},
		apply: func(t *parameterTarget, v any) { b := v.(bool); t.options.Mmap = &b },
		reset: func(t *parameterTarget) { t.options.Mmap = nil },
	},
	{
		// It adds a column, which the rows of an INSERT under way lack.
		name: "dynamic_fields", kind: boolParameter{}, ofTable: true, exclusive: true,
		apply: func(t *parameterTarget, v any) { t.options.DynamicFields = v.(bool) },
		reset: func(t *parameterTarget) { t.options.DynamicFields = false },
	},

	{name: "autovacuum_enabled", kind: boolParameter{}, toast: true},
	{name: "user_catalog_table", kind: boolParameter{}, exclusive: true}, // in PostgreSQL
	{name: "vacuum_truncate", kind: boolParameter{}, toast: true},
	{name: "vacuum_index_cleanup", kind: enumParameter{
		words: []string{"on", "off", "auto"}, also: []string{"true", "false", "yes", "no", "1", "0"},
	}, toast: true},
	{name: "fillfactor", kind: intParameter{10, 100}},
	{name: "parallel_workers", kind: intParameter{0, 1024}},
	{name: "toast_tuple_target", kind: intParameter{128, 8160}},
	{name: "autovacuum_vacuum_threshold", kind: intParameter{0, math.MaxInt32}, toast: true},
	{name: "autovacuum_vacuum_insert_threshold", kind: intParameter{-1, math.MaxInt32}, toast: true},
	{name: "autovacuum_analyze_threshold", kind: intParameter{0, math.MaxInt32}},
	{name: "autovacuum_vacuum_cost_limit", kind: intParameter{1, 10000}, toast: true},
	{name: "autovacuum_freeze_min_age", kind: intParameter{0, 1000000000}, toast: true},
	{name: "autovacuum_freeze_max_age", kind: intParameter{100000, 2000000000}, toast: true},
	{name: "autovacuum_freeze_table_age", kind: intParameter{0, 2000000000}, toast: true},
	{name: "autovacuum_multixact_freeze_min_age", kind: intParameter{0, 1000000000}, toast: true},
	{name: "autovacuum_multixact_freeze_max_age", kind: intParameter{10000, 2000000000}, toast: true},
	{name: "autovacuum_multixact_freeze_table_age", kind: intParameter{0, 2000000000}, toast: true},
	{name: "log_autovacuum_min_duration", kind: intParameter{-1, math.MaxInt32}, toast: true},
	{name: "autovacuum_vacuum_cost_delay", kind: floatParameter{0, 100}, toast: true},
	{name: "autovacuum_vacuum_scale_factor", kind: floatParameter{0, 100}, toast: true},
	{name: "autovacuum_vacuum_insert_scale_factor", kind: floatParameter{0, 100}, toast: true},
	{name: "autovacuum_analyze_scale_factor", kind: floatParameter{0, 100}},
}

// partitionParameters are those that may differ from partition to partition.
var partitionParameters = slices.DeleteFunc(slices.Clone(tableParameters), func(p storageParameter) bool { return p.ofTable })

// setTableOptions is WITH (…) of a table that is being created.
func setTableOptions(table *catalog.Table, partitions *int, options []*ast.Option) error {
	options, err := withoutOIDs(options)
	if err != nil {
		return err
	}
	return tableParameters.set(&parameterTarget{options: &table.Options, shards: &table.Shards, partitions: partitions}, options, true)
}

// alterTableOptions is ALTER TABLE … SET (…) and RESET (…). What they say holds
// for what is written from then on; compaction brings the rest along.
func (d *ddl) alterTableOptions(table *catalog.Table, cmd *ast.AlterTableCmd) error {
	options := table.Options
	if err := alterOptions(tableParameters, &options, cmd); err != nil {
		return err
	}
	var failed error
	_, err := d.update(table, func(t *catalog.Table) {
		t.Options = options
		failed = ensureMeta(t)
	})
	if failed != nil {
		return failed
	}
	return err
}

// alterLock is the lock for the commands of an ALTER TABLE. Parameters of which statements
// under way need not know change beside readers and writers, and not beside other DDL.
func alterLock(cmds []*ast.AlterTableCmd) storage.TableLockMode {
	for _, cmd := range cmds {
		switch cmd.Action {
		case ast.AlterSetOptions, ast.AlterResetOptions:
			for _, o := range cmd.Options {
				if tableParameters.exclusive(o) {
					return storage.LockAccessExclusive
				}
			}
		case ast.AlterOther: // which changes nothing
		default:
			return storage.LockAccessExclusive
		}
	}
	return storage.LockShareUpdateExclusive
}

// exclusive says whether an option names a parameter that cannot change beside readers
// and writers.
func (list parameters) exclusive(o *ast.Option) bool {
	at := slices.IndexFunc(list, func(p storageParameter) bool { return p.name == o.Name })
	return o.Namespace == "" && at >= 0 && list[at].exclusive
}

// alterPartitionOptions is alterTableOptions of one partition.
func (d *ddl) alterPartitionOptions(p *catalog.Partition, cmd *ast.AlterTableCmd) error {
	fresh := *p
	if err := alterOptions(partitionParameters, &fresh.Options, cmd); err != nil {
		return err
	}
	return d.catalog().Put(&fresh)
}

func alterOptions(list parameters, options *catalog.StorageOptions, cmd *ast.AlterTableCmd) error {
	target := &parameterTarget{options: options}
	if cmd.Action == ast.AlterResetOptions {
		return list.clear(target, cmd.Options)
	}
	return list.set(target, cmd.Options, false)
}

// withoutOIDs takes WITH (oids = false) out of the options of CREATE TABLE, which
// says what every table is.
func withoutOIDs(options []*ast.Option) ([]*ast.Option, error) {
	var kept []*ast.Option
	for _, o := range options {
		if o.Name != "oids" || o.Namespace != "" {
			kept = append(kept, o)
			continue
		}
		on, err := boolParameter{}.parse(o.Name, optionText(o))
		if err != nil || on.(bool) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "tables declared WITH OIDS are not supported")
		}
	}
	return kept, nil
}

// columnCompression is the COMPRESSION of a column: one of the codecs, or pglz,
// which dumps name and which stands for the default.
func columnCompression(t *types.Type, method string) (string, error) {
	switch {
	case method == "pglz" && t.Storage == 'p':
		return "", sqlerr.New(sqlerr.FeatureNotSupported, "column data type %s does not support compression", t.SQLName)
	case method == "" || method == "default":
		return "", nil
	case method == "pglz" || slices.Contains(catalog.Codecs, method):
		return method, nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, "invalid compression method %s", quoted(method))
}

// setColumnCompression is ALTER COLUMN SET COMPRESSION: it holds for what is
// written from then on.
func (d *ddl) setColumnCompression(table *catalog.Table, cmd *ast.AlterTableCmd) error {
	col := columnNamed(table, cmd.Name)
	if col == nil {
		if slices.Contains(catalog.SystemColumns, cmd.Name) {
			return sqlerr.New(sqlerr.FeatureNotSupported, "cannot alter system column %s", quoted(cmd.Name))
		}
		return noColumn(cmd.Name, table.Name)
	}
	method, err := columnCompression(col.Type.Type(), cmd.Compression)
	if err != nil {
		return err
	}
	_, err = d.update(table, func(t *catalog.Table) { columnNamed(t, cmd.Name).Compression = method })
	return err
}
