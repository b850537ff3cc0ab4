package vector

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Element is how the numbers of a vector are kept.
type Element uint8

// The elements, with the types of pgvector that have them.
const (
	Float32 Element = iota // vector
	Float16                // halfvec
	Bit                    // bit: Dim bits, the first in the highest bit of byte 0
	Sparse                 // sparsevec
)

// Space says which vectors an index holds and how it compares them. Dim is the
// number of elements of each.
type Space struct {
	Element  Element
	Distance Distance
	Dim      int
}

// Column is the vectors of one segment by position: what an index is built
// from, and re-ranks with. It may be read by many goroutines at once.
type Column interface {
	// Len is the number of positions.
	Len() int
	// Row returns the vector at a position, nil for null, valid while the
	// Column is open and never to be changed. Its encoding is that of the
	// Space: little-endian float32 or float16 at an address aligned to 4 or 2
	// bytes; the bytes of a bit string; for a sparse vector the count n as an
	// uint32, n indexes from 0 as uint32, ascending, and n float32.
	Row(position int) []byte
}

// Prefix is the first rows of a column.
type Prefix struct {
	Column
	Rows int
}

// Len implements Column.
func (p Prefix) Len() int { return p.Rows }

// Runs is implemented by Columns whose rows lie side by side in memory.
type Runs interface {
	// Run returns n rows from position on, one after the other, none of them
	// null; or nil and the number of nulls from position on. n is at least 1.
	Run(position int) (rows []byte, n int)
}

// Candidate is a position that a search proposes, with the distance it reckons
// with: the caller computes the exact one.
type Candidate struct {
	Position uint32
	Distance float32
}

// SearchRequest asks an index for the nearest vectors.
type SearchRequest struct {
	// Query is in the encoding of Column.Row.
	Query []byte
	// K is the number of candidates wanted; the index looks as far as it takes
	// for the true nearest K to be among them at the wanted recall.
	K int
	// Recall is the share of the true nearest that should be found (0.95): the
	// effort that the index measured for it when it was built is taken.
	// Effort, when above 0, is taken instead: hnsw.ef_search, ivfflat.probes.
	Recall float64
	Effort int
	// Known are the distances, ascending, of the nearest rows known from elsewhere, K
	// of them at most. Rows that are not among the nearest K of these and the
	// index's own need not be proposed.
	Known []float32
	// Elsewhere, if not nil, may be called once while a search is under way, with
	// what it has found so far: it returns Known, which has not been told before.
	Elsewhere func(ctx context.Context, near []Candidate) (known []float32, err error)
	// MaxLists, when above 0, is how many lists are looked at at most, however
	// few rows they hold that are kept: ivfflat.max_probes.
	MaxLists int
	// Keep has a bit a position, least significant first: others are not
	// proposed. nil keeps all. Kept is the number of bits set.
	Keep []byte
	Kept int
	// Column has the vectors that the index was built from, for re-ranking. Rows that
	// an index which grows has beyond its end are not proposed.
	Column Column
}

// Bound is a distance beyond which no row need be proposed; false if there is none.
func (r *SearchRequest) Bound() (float32, bool) {
	if r.K <= 0 || len(r.Known) < r.K {
		return 0, false
	}
	return r.Known[r.K-1], true
}

// SearchStats counts the work of searches, for EXPLAIN ANALYZE.
type SearchStats struct {
	// Nodes or lists visited, exact distances computed, codes scored, rows
	// scored again from the column, and bytes read for it.
	Visited, Distances, Codes, Reranked, BytesRead int64
	// Requests is the number of ranges read from parts that are not mapped;
	// their bytes are among BytesRead.
	Requests int64
}

// Add adds the counts of another search.
func (s *SearchStats) Add(o SearchStats) {
	s.Visited += o.Visited
	s.Distances += o.Distances
	s.Codes += o.Codes
	s.Reranked += o.Reranked
	s.BytesRead += o.BytesRead
	s.Requests += o.Requests
}

// Index finds the nearest vectors of one segment without comparing all. It does
// not change; searches may run at once.
type Index interface {
	// Kind is the access method: "hnsw", "ivfflat", …
	Kind() string
	Space() Space
	// Len is the number of vectors held: nulls, and vectors that have no
	// distance (no length under cosine), have no place in it.
	Len() int
	// Search appends candidates to dst, nearest first. Fewer than K of them
	// when K are kept means that the index holds no more.
	Search(ctx context.Context, dst []Candidate, r *SearchRequest, stats *SearchStats) ([]Candidate, error)
	// Iterate proposes ever farther candidates, for conditions that are known
	// only afterwards. K is the size of the first batch.
	Iterate(r *SearchRequest, stats *SearchStats) Iterator
	// ResidentBytes is the memory that searches need at hand; mapped raw
	// vectors are not counted.
	ResidentBytes() int64
	// Close gives up what the index holds; its parts may be unmapped after it.
	Close()
}

// Iterator belongs to one goroutine.
type Iterator interface {
	// Next appends the next batch of candidates: none has been proposed before,
	// and all but a few are farther than those of earlier batches. No more
	// candidates is the end.
	Next(ctx context.Context, dst []Candidate) ([]Candidate, error)
	Close()
}

// Growing is an index of a growing segment: positions are added while searches
// run, and each is found as soon as Append has returned.
type Growing interface {
	Index
	// Append adds positions up to end; one goroutine at a time calls it, and it
	// may use workers of its own.
	Append(ctx context.Context, column Column, end, workers int) error
	// Unsettled says that there is something to settle.
	Unsettled() bool
	// Settle does what Append has put off, for searches to be faster, with so many
	// workers; Appends may go on beside it. column has positions that Append has
	// seen, most of them.
	Settle(ctx context.Context, column Column, workers int) error
	// Save writes the parts of an Index of the same vectors at other positions:
	// moved gives the new position of an old one, or false if it is gone.
	Save(ctx context.Context, parts PartWriter, moved func(old uint32) (uint32, bool)) error
}

// PartWriter creates the files of an index. Nothing counts before Close.
type PartWriter interface {
	Create(part string) (io.WriteCloser, error)
}

// Parts gives the files of a saved index, mapped: valid until the Index is
// closed. A part that is absent is an error.
type Parts interface {
	Open(part string) ([]byte, error)
}

// RangeParts are Parts of which large ones are read by ranges, from a file or an
// object store, where mapping them whole would need too much room. A Kind that
// can search so asks for it; others map every part.
type RangeParts interface {
	Parts
	// OpenRanges opens a part for reading by ranges.
	OpenRanges(part string) (Ranges, error)
}

// Ranges reads ranges of one part; many goroutines may do so at once.
type Ranges interface {
	Size() int64
	// ReadRange fills p with the bytes from offset; each call is one request.
	ReadRange(ctx context.Context, p []byte, offset int64) error
	Close() error
}

// PartPositions is the part that every kind has: the position of each ordinal,
// little-endian uint32, NoPosition for a row that is gone. It alone is
// rewritten when rows of a segment are removed or reordered; it follows a
// header that Kind.Reorder keeps.
const PartPositions = "positions"

// NoPosition marks an ordinal whose row is gone.
const NoPosition = ^uint32(0)

// The parts that name the kind of an index's other parts, where that is not or may not
// be its own; see WriteKind. An index has one of them at most.
const (
	// PartInterim: the index was grown with the rows, and is to be replaced by one that
	// is built.
	PartInterim = "interim"
	// PartKind: the index was built as one of another kind; see Chooser.
	PartKind = "kind"
)

// Options are the parameters of CREATE INDEX … WITH (…) and the limits of a
// build.
type Options struct {
	// M and EfConstruction of graphs; Lists of inverted files. 0 is the
	// default of the kind.
	M, EfConstruction, Lists int
	// Quantization is "none", "sq8", "rabitq", …; "" is the default of the kind.
	Quantization string
	// Bits a dimension of a quantisation that has a choice; 0 is its default.
	Bits int
	// RowBytes is how long an encoded sparse vector is on average, for an Estimate;
	// 0 is not known.
	RowBytes int
	// Workers that build, and the memory that they may use together, in bytes
	// (0: no limit). What a build needs beyond is made by Scratch; without it, or
	// where a kind has no use for it, the build fails with a MemoryError before
	// it starts.
	Workers     int
	MemoryBytes int64
	// Scratch makes zeroed memory in a file, whose pages can leave memory.
	Scratch func(bytes int64) (memory []byte, release func(), err error)
	// Progress, if set, is called now and then from any worker.
	Progress func(phase string, done, total int64)
	// Rest, if set, is called by each worker, from 0 on, every millisecond or so
	// of its work: it sleeps when others need the processors.
	Rest func(worker int)
}

// Estimate is what an index will take.
type Estimate struct {
	BuildBytes, ResidentBytes, StoredBytes int64
}

// Kind is an access method.
type Kind interface {
	// Name is the access method's: "hnsw", "ivfflat", …
	Name() string
	// Check tells whether the options and the space are possible.
	Check(Space, Options) error
	Estimate(s Space, rows int, o Options) Estimate
	// Build makes the index of a column and writes its parts.
	Build(ctx context.Context, s Space, column Column, o Options, parts PartWriter) error
	// Open opens a saved index; it verifies every part before it uses it.
	Open(parts Parts) (Index, error)
	// NewGrowing is an empty index for a growing segment; nil if the kind has
	// none, whereupon growing segments are searched exactly.
	NewGrowing(Space, Options) (Growing, error)
	// Reorder writes PartPositions anew for a segment whose rows moved.
	Reorder(old Parts, parts PartWriter, moved func(old uint32) (uint32, bool)) error
}

// Chooser is a Kind that leaves some columns to another.
type Chooser interface {
	// Choose returns the kind that is to index a column, and its options: itself, or
	// one whose searches of these vectors are much faster, and whose parts stand in for
	// its own.
	Choose(ctx context.Context, s Space, column Column, o Options) (Kind, Options, error)
}

// kinds are the access methods that exist; each file of a kind adds its own,
// packages of kinds by Register.
var kinds []Kind

// Register adds an access method; init functions of packages call it.
func Register(k Kind) { kinds = append(kinds, k) }

// Kinds returns the access methods.
func Kinds() []Kind { return kinds }

// KindByName finds an access method; nil if there is none.
func KindByName(name string) Kind {
	for _, k := range kinds {
		if k.Name() == name {
			return k
		}
	}
	return nil
}

// MemoryError is an ErrMemory that says how much a build needs.
type MemoryError struct{ Needed, Limit int64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%v: it needs %d MB of %d MB", ErrMemory, e.Needed>>20+1, e.Limit>>20)
}

func (e *MemoryError) Unwrap() error { return ErrMemory }

// ErrMemory: the limit of Options.MemoryBytes is too low for the build.
var ErrMemory = errors.New("vector: not enough memory to build the index")

// ErrCorrupt: a part of an index is not what was written.
var ErrCorrupt = errors.New("vector: corrupt index")

// PartError is an ErrCorrupt that says of which part, and what is wrong with it.
type PartError struct{ Part, What string }

// Error implements error.
func (e *PartError) Error() string { return fmt.Sprintf("%v: part %s: %s", ErrCorrupt, e.Part, e.What) }

// Unwrap returns ErrCorrupt.
func (*PartError) Unwrap() error { return ErrCorrupt }

// ErrUnsupported: the options or the space are beyond what a kind can do.
var ErrUnsupported = errors.New("vector: unsupported index")
