package storage

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/storage/binlog"
	"quiver/storage/manifest"
	"quiver/storage/segment"
)

// shardOptions are the storage parameters of a shard as one catalog version has
// them.
type shardOptions struct {
	version *catalog.Version
	catalog.StorageOptions
}

// optionsOf returns the storage parameters of a shard's partition as they are now;
// none if it is dropped.
func (e *Engine) optionsOf(s *shard) *shardOptions {
	version := e.catalog.Current()
	if o := s.options.Load(); o != nil && o.version == version {
		return o
	}
	o := &shardOptions{version: version}
	if t, p := version.PlaceOfStorage(s.key.partition); t != nil {
		o.StorageOptions = p.Options.Over(t.Options)
	}
	s.options.Store(o)
	return o
}

// segmentBytesMax is segment_max_size of a shard.
func (e *Engine) segmentBytesMax(s *shard) int64 {
	if n := e.optionsOf(s).SegmentBytesMax; n > 0 {
		return n
	}
	return e.opts.SegmentBytesMax
}

// readsCopies says of a segment whether its table has mmap = off.
func (e *Engine) readsCopies(m *manifest.Manifest) bool {
	s := e.findShard(shardKey{m.Partition, m.Shard})
	if s == nil {
		return false
	}
	mmap := e.optionsOf(s).Mmap
	return mmap != nil && !*mmap
}

// columnCodec says how a column is packed that is stored as t: as its own
// COMPRESSION says, as the table's compression says, or by default. c is nil when
// the column is gone. Numbers are packed by the bytes of equal rank.
func columnCodec(c *catalog.Column, t arrow.DataType, o *catalog.StorageOptions) (codec binlog.Codec, leastGain float64) {
	asked := o.Compression
	if c != nil && c.Compression != "" && c.Compression != "pglz" {
		asked = c.Compression
	}
	codec, err := binlog.ParseCodec(asked)
	if err != nil {
		if codec = binlog.Zstd; searchedInPlace(c, t) {
			codec = binlog.None
		}
		if isFloating(t) {
			leastGain = floatGain
		}
	}
	if codec == binlog.Zstd && isFloating(t) {
		codec = binlog.ZstdSplit
	}
	return codec, leastGain
}

// packedAsAsked says whether the columns of a segment are packed by the codecs that
// its table asks for now, as far as is known.
func (e *Engine) packedAsAsked(s *shard, f *flushedSegment) bool {
	table, _ := e.catalog.Current().PlaceOfStorage(s.key.partition)
	if table == nil || f.Rows() == 0 {
		return true
	}
	stored := map[catalog.FieldID]*manifest.Column{}
	for i := range f.Manifest.Columns {
		stored[f.Manifest.Columns[i].Field] = &f.Manifest.Columns[i]
	}
	var fields []segment.WriterField
	for i := range table.Columns {
		if c := &table.Columns[i]; !c.Dropped() && stored[c.Field] != nil {
			fields = append(fields, writerField(c, storageType(c), &e.optionsOf(s).StorageOptions))
		}
	}
	keepKeyPlain(fields, f.KeyField(), table)
	return !slices.ContainsFunc(fields, func(w segment.WriterField) bool {
		asked := stored[w.ID].Asked
		return asked != "" && asked != w.Codec.String()
	})
}

// floatGain is what the default must save of a column of floats: those that keep
// most of their bytes are read several times as fast as they are.
const floatGain = 0.25

// packedBitsMax is below which n the values of bit(n) are packed: flags, that is.
const packedBitsMax = 64

// searchedInPlace says of a column whether it has vectors, which searches read as
// they lie in the file.
func searchedInPlace(c *catalog.Column, t arrow.DataType) bool {
	return t.ID() == arrow.FIXED_SIZE_LIST ||
		c != nil && c.Type.OID == types.SparsevecOID ||
		c != nil && c.Type.OID == types.BitOID && c.Type.Mod >= packedBitsMax
}

// isFloating says whether a column is of floats or vectors of them.
func isFloating(t arrow.DataType) bool {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		return isFloating(t.Elem())
	case *arrow.ListType:
		return isFloating(t.Elem())
	}
	return t.ID() == arrow.FLOAT16 || t.ID() == arrow.FLOAT32 || t.ID() == arrow.FLOAT64
}
