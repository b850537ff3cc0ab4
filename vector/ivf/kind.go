package ivf

import (
	"fmt"
	"math"

	"quiver/vector"
	"quiver/vector/rabitq"
)

// flat is the kind of which growing indexes are, too.
var flat = &kind{name: "ivfflat", defaultLists: ListsDefault, defaultBits: 4, blocks: true}

func init() {
	vector.Register(flat)
	vector.Register(&kind{name: "diskann", defaultBits: 8})
}

// kind is one of the access methods.
type kind struct {
	name         string
	defaultLists int // 0: by the number of rows
	defaultBits  int
	blocks       bool // lists begin with sign codes
}

func (k *kind) Name() string { return k.name }

// ListsMax is pgvector's limit, and ListsDefault how many lists of ivfflat it makes.
const (
	ListsMax     = 32768
	ListsDefault = 100
)

// plan is what the options come to for so many rows.
type plan struct {
	lists     int
	bits      int // 0: vectors are kept as they are
	blocks    bool
	queries   int // rows that are held back from the sample, to calibrate by
	sample    int
	workers   int
	listBytes int64 // estimated, of all lists
}

// Check refuses spaces without meaning for lists, and unknown options.
func (k *kind) Check(s vector.Space, o vector.Options) error {
	switch {
	case !s.Element.Has(s.Distance) || s.Dim < 1:
		return fmt.Errorf("%w: %s of %s", vector.ErrUnsupported, k.name, s)
	case s.Element == vector.Sparse || s.Distance == vector.Jaccard:
		return fmt.Errorf("%w: %s of %s", vector.ErrUnsupported, k.name, s)
	case o.Lists < 0 || o.Lists > ListsMax:
		return fmt.Errorf("%w: %s with lists not between 1 and %d", vector.ErrUnsupported, k.name, ListsMax)
	case o.Bits < 0 || o.Bits > rabitq.BitsMax:
		return fmt.Errorf("%w: %s with bits not between 1 and %d", vector.ErrUnsupported, k.name, rabitq.BitsMax)
	}
	switch o.Quantization {
	case "", "none":
		return nil
	case "sq8", "rabitq":
		if !quantizable(s) {
			return fmt.Errorf("%w: %s of %s with quantization %q", vector.ErrUnsupported, k.name, s, o.Quantization)
		}
		return nil
	}
	return fmt.Errorf("%w: %s with quantization %q", vector.ErrUnsupported, k.name, o.Quantization)
}

func quantizable(s vector.Space) bool {
	return (s.Element == vector.Float32 || s.Element == vector.Float16) && s.Distance <= vector.Cosine
}

// rowsAList is how many rows a list has at least, when the number of lists is
// chosen here.
const rowsAList = 16

// sampleRows a list are what clusters are found from, if memory allows.
const sampleRows = 48

func (k *kind) plan(s vector.Space, rows int, o vector.Options) plan {
	p := plan{lists: o.Lists, workers: max(o.Workers, 1)}
	if p.lists == 0 {
		p.lists = k.defaultLists
	}
	if p.lists == 0 {
		p.lists = int(min(4*math.Sqrt(float64(rows)), float64(rows)/rowsAList, ListsMax))
	}
	p.lists = max(1, min(p.lists, rows))
	switch {
	case o.Quantization == "sq8":
		p.bits = 8
	case o.Quantization == "rabitq" || o.Quantization == "" && quantizable(s):
		if p.bits = o.Bits; p.bits == 0 {
			p.bits = k.defaultBits
		}
	}
	// One bit has nothing to add to blocks; without, codes are records.
	p.blocks = k.blocks && p.bits > 0
	p.queries = max(0, min(calibrationQueries(rows), rows/8, rows-p.lists))
	p.sample = min(rows-p.queries, max(sampleRows*p.lists, 2048))
	perRow := int64(s.RowBytes())
	if p.bits > 0 {
		padded := int64(s.Dim+7) &^ 7
		perRow = padded*int64(p.bits)/8 + 16
		if p.blocks {
			perRow += padded/8 + 12
		}
	}
	p.listBytes = perRow * int64(rows)
	if o.MemoryBytes > 0 && o.Scratch == nil {
		// The sample may be thinned to eight rows a list.
		spare := o.MemoryBytes - workBytes(s, rows, p) - 4*int64(rows)
		p.sample = max(min(p.sample, int(spare/(4*int64(s.Dim)+clusterBytes))), min(rows-p.queries, 8*p.lists))
	}
	return p
}

// Estimate is what an index will take.
func (k *kind) Estimate(s vector.Space, rows int, o vector.Options) vector.Estimate {
	if rows == 0 {
		return vector.Estimate{}
	}
	p := k.plan(s, rows, o)
	centroids := int64(p.lists) * (4*int64(s.Dim) + listEntryBytes)
	stored := p.listBytes + centroids + 4*int64(rows)
	resident := stored
	if !k.blocks {
		resident -= p.listBytes
	}
	return vector.Estimate{
		BuildBytes:    workBytes(s, rows, p) + arrayBytes(s, rows, p),
		ResidentBytes: resident, StoredBytes: stored,
	}
}
