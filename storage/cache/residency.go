package cache

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"quiver/storage/vfs"
)

// residency keeps what mapped files take of the process's resident memory below a
// budget: beyond it the pages of files are given back, of those used the longest
// ago first. They stay in the system's cache for as long as that has room, and a
// file may be given back while it is read: its reader finds the pages again.
//
// The system would do so itself, but no sooner than memory is short for everybody,
// and until then counts all pages as this process's.
//
// Files that the cache did not map, such as those that transactions spill to, count
// too, and are given back last.
type residency struct {
	max int64
	// resident is how many bytes of files this process has in memory.
	resident func() (int64, error)

	mu     sync.Mutex // guards what follows
	mapped map[*mapping]struct{}
	// other is what is resident and no mapped file's: the program itself.
	other    int64
	measured time.Time // other
	unloaded int64     // files

	// read are the bytes that were read since resident was asked.
	read atomic.Int64
}

// mapping is a mapped file, or a part of one.
type mapping struct {
	data []byte
	// used is the last use, as Files counts them.
	used atomic.Uint64
	// owner, if there is one, knows later uses.
	owner *File
}

func (m *mapping) lastUse() uint64 {
	if m.owner != nil {
		return max(m.used.Load(), m.owner.used.Load())
	}
	return m.used.Load()
}

// residentEvery is how often memory is looked at besides what reads count: a
// search reads mapped vectors wherever they lie.
const residentEvery = 200 * time.Millisecond

// measureEvery is how often, at the most, it is measured what is no mapped file's.
const measureEvery = time.Second

// residentShare is what part of the budget is read until memory is looked at.
const residentShare = 8

func newResidency(bytesMax int64) *residency {
	r := &residency{max: bytesMax, resident: residentFiles, mapped: map[*mapping]struct{}{}}
	r.other, _ = r.resident() // an error comes again when it matters
	return r
}

// add notes mapped bytes until remove.
func (r *residency) add(m *mapping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mapped[m] = struct{}{}
}

func (r *residency) remove(m *mapping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mapped, m)
}

// touch counts bytes that are about to be read.
func (r *residency) touch(n int64) {
	if r.max > 0 && r.read.Add(n) > r.max/residentShare {
		r.check()
	}
}

// check gives back pages while more than the budget is resident, down to three
// quarters of it. One goroutine at a time does so.
func (r *residency) check() {
	r.read.Store(0)
	if r.max <= 0 || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	now, err := r.resident()
	if err != nil || now-r.other <= r.max {
		return
	}
	files := slices.Collect(maps.Keys(r.mapped))
	order := map[*mapping]uint64{} // uses go on meanwhile
	for _, m := range files {
		order[m] = m.lastUse()
	}
	slices.SortFunc(files, func(a, b *mapping) int { return cmp.Compare(order[a], order[b]) })
	for _, m := range files {
		if !vfs.Unload(m.data) {
			continue
		}
		r.unloaded++
		if now, err = r.resident(); err != nil || now-r.other <= r.max/4*3 {
			return
		}
	}
	vfs.UnloadAll()
	if now, err = r.resident(); err != nil || now-r.other <= r.max/4*3 || time.Since(r.measured) < measureEvery {
		return
	}
	// The program has grown, or the files are being read again: that must not pass for
	// the program.
	if mapped, err := vfs.Resident(); err == nil {
		r.other, r.measured = now-mapped, time.Now()
	}
}

// stats counts mappings, what of them is resident, and files given back.
func (r *residency) stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Entries: len(r.mapped), BytesMax: r.max, Evictions: r.unloaded}
	if now, err := r.resident(); err == nil {
		s.Bytes = max(0, now-r.other)
	}
	return s
}

var pageBytes = int64(os.Getpagesize())

// residentFiles is what of this process's resident memory is of files.
func residentFiles() (int64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	if len(fields) < 3 {
		return 0, os.ErrInvalid
	}
	pages, err := strconv.ParseInt(fields[2], 10, 64)
	return pages * pageBytes, err
}
