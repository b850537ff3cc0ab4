package catalog

import (
	"slices"
	"strings"
	"time"
)

// StorageOptions are the storage parameters of a table or a partition: what WITH (…)
// and SET (…) said, and what that means. A zero value leaves its matter to what
// lies above: the table for a partition, the server for a table.
type StorageOptions struct {
	// Parameters is what was said, as "name=value" in the order of
	// pg_class.reloptions. The fields below are derived from it.
	Parameters []string `json:"parameters,omitempty"`
	// SegmentBytesMax is segment_max_size: about how large a segment grows
	// before it is sealed, and up to which size segments are merged.
	SegmentBytesMax int64 `json:"segment_max_size,omitempty"`
	// Compression is the codec of the columns that name none: none, lz4, zstd or
	// snappy.
	Compression string `json:"compression,omitempty"`
	// CompressionLevel is from 1, fast, to 22, small.
	CompressionLevel int `json:"compression_level,omitempty"`
	// TTL is how long after their commit rows can be read. nil leaves it to the
	// table, and for a table is for ever; 0 is for ever.
	TTL *time.Duration `json:"ttl,omitempty"`
	// Retention is gc_retention: how long versions are kept that only time travel
	// needs. nil is the server's; 0 keeps none.
	Retention *time.Duration `json:"gc_retention,omitempty"`
	// ConsistencyLevel is strong, bounded, session or eventually.
	ConsistencyLevel string `json:"consistency_level,omitempty"`
	// Mmap is whether local files are read through mappings; nil is on.
	Mmap *bool `json:"mmap,omitempty"`
	// DynamicFields says that INSERT may name columns that do not exist.
	DynamicFields bool `json:"dynamic_fields,omitempty"`
}

// Codecs are the names of what columns can be compressed with.
var Codecs = []string{"none", "lz4", "zstd", "snappy"}

// Parameter returns the value of a parameter as it was given.
func (o *StorageOptions) Parameter(name string) (string, bool) {
	for _, p := range o.Parameters {
		if n, value, _ := strings.Cut(p, "="); n == name {
			return value, true
		}
	}
	return "", false
}

// SetParameter says a parameter, last in order. The field that it means is the
// caller's.
func (o *StorageOptions) SetParameter(name, value string) {
	o.ResetParameter(name)
	o.Parameters = append(o.Parameters, name+"="+value)
}

// ResetParameter forgets a parameter. Options that share the list keep it.
func (o *StorageOptions) ResetParameter(name string) {
	o.Parameters = slices.DeleteFunc(slices.Clone(o.Parameters), func(p string) bool { return strings.HasPrefix(p, name+"=") })
	if len(o.Parameters) == 0 {
		o.Parameters = nil
	}
}

// Over returns the options of a partition, o, with those of its table where it
// has none itself.
func (o StorageOptions) Over(table StorageOptions) StorageOptions {
	if o.SegmentBytesMax == 0 {
		o.SegmentBytesMax = table.SegmentBytesMax
	}
	if o.Compression == "" {
		o.Compression = table.Compression
	}
	if o.CompressionLevel == 0 {
		o.CompressionLevel = table.CompressionLevel
	}
	if o.TTL == nil {
		o.TTL = table.TTL
	}
	if o.Retention == nil {
		o.Retention = table.Retention
	}
	if o.Mmap == nil {
		o.Mmap = table.Mmap
	}
	o.ConsistencyLevel, o.DynamicFields = table.ConsistencyLevel, table.DynamicFields
	return o
}
