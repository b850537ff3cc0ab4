package ivf

import (
	"fmt"
	"unsafe"

	"quiver/vector"
)

// arrays are the large arrays of a build, those with a number for each row or
// for each of the sample: in memory up to a limit, and beyond it in scratch files.
type arrays struct {
	limit, used int64 // bytes; limit 0 is none
	scratch     func(bytes int64) ([]byte, func(), error)
	release     []func()
}

// bytes returns zeroed bytes at an address aligned to 8, to be given back by
// release before the end if they are not needed so long.
func (a *arrays) bytes(n int64) (b []byte, release func(), err error) {
	if n == 0 {
		return nil, func() {}, nil
	}
	if a.scratch == nil || a.limit == 0 || a.used+n <= a.limit {
		a.used += n
		words := make([]uint64, (n+7)/8)
		b = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
		return b, func() { a.used -= n }, nil
	}
	b, free, err := a.scratch(n)
	if err != nil {
		return nil, nil, fmt.Errorf("vector: scratch file of %d bytes: %w", n, err)
	}
	at := len(a.release)
	a.release = append(a.release, free)
	return b, func() {
		a.release[at] = nil
		free()
	}, nil
}

func (a *arrays) words(n int) ([]uint32, func(), error) {
	b, release, err := a.bytes(4 * int64(n))
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(b))), n), release, err
}

func (a *arrays) floats(n int) ([]float32, func(), error) {
	b, release, err := a.bytes(4 * int64(n))
	return vector.Float32sOf(b), release, err
}

// free gives back what lies in files.
func (a *arrays) free() {
	for _, release := range a.release {
		if release != nil {
			release()
		}
	}
}

// bytesOf views words as bytes.
func bytesOf(w []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), 4*len(w))
}

// batchBytes is how many bytes of lists a worker has encoded at most before they
// are written, unless one list alone is more.
const batchBytes = 1 << 20

// workBytes is the memory of a build besides arrays: centroids, as they are, as
// panels and as they are written; what each worker assigns, encodes and
// calibrates with; the lists that are being encoded.
func workBytes(s vector.Space, rows int, p plan) int64 {
	dim := int64(s.Dim)
	centroids := int64(p.lists) * (16*dim + 4*listEntryBytes + 64)
	worker := int64(assignedRows+2*compared+8)*4*dim + 4*assignedRows*int64(panelRoom(p.lists)) + batchBytes
	calibration := int64(p.queries) * (4*dim*2 + int64(nearestMost(rows)+1)*40 + 4*compared)
	return centroids + int64(p.workers)*worker + calibration + 1<<20
}

// panelRoom bounds the scores that a row has in assigning it.
func panelRoom(lists int) int { return min(lists, 512) }

// arrayBytes is the memory of all arrays at a time: positions held, and in turn
// the sample with what clusters it, then list and distance of each row and the
// order by list.
func arrayBytes(s vector.Space, rows int, p plan) int64 {
	return 4*int64(rows) + max(int64(p.sample)*(4*int64(s.Dim)+clusterBytes), 12*int64(rows))
}

// clusterBytes a row of the sample are what package kmeans works with.
const clusterBytes = 20
