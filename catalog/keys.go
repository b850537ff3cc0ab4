package catalog

import (
	"fmt"
	"strconv"
	"strings"
)

// Keys under quiver/{cluster id}/. Numbers are padded so that key order is
// number order.
//
//	cluster                               format version; made once, with the cluster
//	epoch                                 owner epoch, counts up by one each start
//	owner                                 who holds the epoch; leased
//	descriptor/{oid}                      a committed descriptor
//	stage/{txn}/{oid}                     a descriptor of a transaction
//	status/{txn}                          committed or aborted
//	segment/{segment}                     a flushed segment
//	segments                              the number of the last change of segments
//	checkpoint/{table}/{partition}/{shard}
//	horizon/{table}/{partition}/{shard}   the time before which versions are missing
//	sequence/{oid}/{generation}           the last value that may have been given out
//	statistics/{oid}                      rows and pages of a table or index
//	next/{name}                           the first id of that name not reserved yet
//	bound/timestamp                       no timestamp given out is above it
const rootPrefix = "quiver/"

type keyspace string

func keysOf(clusterID string) keyspace { return keyspace(rootPrefix + clusterID + "/") }

func (k keyspace) cluster() string { return string(k) + "cluster" }
func (k keyspace) epoch() string   { return string(k) + "epoch" }
func (k keyspace) owner() string   { return string(k) + "owner" }

func (k keyspace) descriptors() string         { return string(k) + "descriptor/" }
func (k keyspace) descriptor(oid OID) string   { return fmt.Sprintf("%sdescriptor/%010d", k, oid) }
func (k keyspace) stages() string              { return string(k) + "stage/" }
func (k keyspace) stage(txn TxnID) string      { return fmt.Sprintf("%sstage/%020d/", k, txn) }
func (k keyspace) statuses() string            { return string(k) + "status/" }
func (k keyspace) status(txn TxnID) string     { return fmt.Sprintf("%sstatus/%020d", k, txn) }
func (k keyspace) segments() string            { return string(k) + "segment/" }
func (k keyspace) segment(id SegmentID) string { return fmt.Sprintf("%ssegment/%020d", k, id) }
func (k keyspace) segmentChange() string       { return string(k) + "segments" }
func (k keyspace) checkpoints() string         { return string(k) + "checkpoint/" }
func (k keyspace) horizons() string            { return string(k) + "horizon/" }
func (k keyspace) sequences() string           { return string(k) + "sequence/" }
func (k keyspace) sequencePrefix(o OID) string { return fmt.Sprintf("%ssequence/%010d/", k, o) }
func (k keyspace) statistics() string          { return string(k) + "statistics/" }
func (k keyspace) next(name string) string     { return string(k) + "next/" + name }
func (k keyspace) timestampBound() string      { return string(k) + "bound/timestamp" }

func (k keyspace) staged(txn TxnID, oid OID) string {
	return fmt.Sprintf("%s%010d", k.stage(txn), oid)
}

func (k keyspace) checkpoint(table, partition StorageID, shard int) string {
	return fmt.Sprintf("%scheckpoint/%020d/%020d/%05d", k, table, partition, shard)
}

func (k keyspace) horizon(table, partition StorageID, shard int) string {
	return fmt.Sprintf("%shorizon/%020d/%020d/%05d", k, table, partition, shard)
}

func (k keyspace) sequence(oid OID, generation uint64) string {
	return fmt.Sprintf("%s%020d", k.sequencePrefix(oid), generation)
}

func (k keyspace) relationStatistics(oid OID) string {
	return fmt.Sprintf("%s%010d", k.statistics(), oid)
}

// numbers reads the numbers of a key after prefix, want of them.
func numbers(key, prefix string, want int) ([]uint64, error) {
	parts := strings.Split(strings.TrimPrefix(key, prefix), "/")
	if len(parts) != want {
		return nil, &CorruptionError{key, fmt.Errorf("want %d numbers after %s", want, prefix)}
	}
	out := make([]uint64, want)
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return nil, &CorruptionError{key, err}
		}
		out[i] = n
	}
	return out, nil
}
