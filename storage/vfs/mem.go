package vfs

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory. CrashClone is what a power cut leaves of it.
// It is safe for concurrent use.
type Mem struct {
	mu    sync.Mutex // guards everything below, file contents included
	root  *memNode
	locks map[string]bool
	// free is how many more bytes files may take; negative: no limit.
	free int64
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{root: newMemDir(), locks: map[string]bool{}, free: -1}
}

// SetFree limits how many more bytes may be allocated; past it writes fail with
// ENOSPC. Negative lifts the limit.
func (m *Mem) SetFree(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = bytes
}

// memNode is a file or a directory. What is synced and the operations since
// are kept apart, so that a power cut can drop any of these.
type memNode struct {
	dir bool

	// A file's bytes: now, at the last sync, and what changed since.
	data, synced []byte
	writes       []memWrite

	// links is how many names it has more than one.
	links int

	// A directory's entries, likewise.
	entries, syncedEntries map[string]*memNode
	changes                []memChange
}

// memWrite is bytes written at an offset, or (bytes nil) a new size.
type memWrite struct {
	offset int64
	bytes  []byte
	size   int64
}

// memChange is one atomic change of a directory: name now is node (nil:
// removed).
type memChange struct {
	name string
	node *memNode
	// from is the name that a rename within the directory takes away.
	from string
	// move joins the two changes of a rename between directories: both last or
	// neither.
	move *memMove
}

// memMove is synced once one of the two directories is.
type memMove struct {
	synced bool
}

func newMemDir() *memNode {
	return &memNode{dir: true, entries: map[string]*memNode{}, syncedEntries: map[string]*memNode{}}
}

func (c memChange) apply(entries map[string]*memNode) {
	if c.from != "" && entries[c.from] == c.node {
		delete(entries, c.from)
	}
	if c.node == nil {
		delete(entries, c.name)
	} else {
		entries[c.name] = c.node
	}
}

func (n *memNode) change(c memChange) {
	c.apply(n.entries)
	n.changes = append(n.changes, c)
}

func (w memWrite) apply(data []byte) []byte {
	if w.bytes == nil {
		return resize(data, w.size)
	}
	if end := w.offset + int64(len(w.bytes)); end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[w.offset:], w.bytes)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		clear(data[size:])
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find returns a node, or nil.
func (m *Mem) find(name string) *memNode {
	n := m.root
	if name == "." {
		return n
	}
	for _, part := range strings.Split(name, "/") {
		if n == nil || !n.dir {
			return nil
		}
		n = n.entries[part]
	}
	return n
}

// parent returns the directory that holds name.
func (m *Mem) parent(op, name string) (dir *memNode, base string, err error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, "", pathError(op, name, fs.ErrInvalid)
	}
	dir = m.find(path.Dir(name))
	if dir == nil || !dir.dir {
		return nil, "", pathError(op, name, fs.ErrNotExist)
	}
	return dir, path.Base(name), nil
}

// Create makes a file.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	if dir.entries[base] != nil {
		return nil, pathError("create", name, fs.ErrExist)
	}
	n := &memNode{}
	dir.change(memChange{name: base, node: n})
	return &memFile{fs: m, node: n, name: name, writable: true}, nil
}

// Open opens a file for reading.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenReadWrite opens a file for both.
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	if n == nil || n.dir {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	return &memFile{fs: m, node: n, name: name, writable: writable}, nil
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	switch n := dir.entries[base]; {
	case n == nil:
		return pathError("remove", name, fs.ErrNotExist)
	case n.dir && len(n.entries) > 0:
		return pathError("remove", name, syscall.ENOTEMPTY)
	}
	m.giveBack(dir.entries[base])
	dir.change(memChange{name: base})
	return nil
}

// giveBack counts the bytes of a file that loses a name.
func (m *Mem) giveBack(n *memNode) {
	if n.links--; n.links < 0 && m.free >= 0 {
		m.free += int64(len(n.data))
	}
}

// Rename renames a file.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	src, srcBase, err := m.parent("rename", from)
	if err != nil {
		return err
	}
	dst, dstBase, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	n := src.entries[srcBase]
	if n == nil {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if old := dst.entries[dstBase]; old != nil && old.dir != n.dir {
		return pathError("rename", to, fs.ErrExist)
	}
	if old := dst.entries[dstBase]; old != nil && old != n {
		m.giveBack(old)
	}
	if src == dst {
		if srcBase != dstBase {
			src.change(memChange{name: dstBase, node: n, from: srcBase})
		}
		return nil
	}
	move := &memMove{}
	dst.change(memChange{name: dstBase, node: n, move: move})
	src.change(memChange{name: srcBase, move: move})
	return nil
}

// Link gives a file a second name.
func (m *Mem) Link(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(from)
	if n == nil || n.dir {
		return pathError("link", from, fs.ErrNotExist)
	}
	dst, base, err := m.parent("link", to)
	if err != nil {
		return err
	}
	if dst.entries[base] != nil {
		return pathError("link", to, fs.ErrExist)
	}
	n.links++
	dst.change(memChange{name: base, node: n})
	return nil
}

// MkdirAll makes a directory and those above it.
func (m *Mem) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !fs.ValidPath(name) {
		return pathError("mkdir", name, fs.ErrInvalid)
	}
	if name == "." {
		return nil
	}
	dir := m.root
	for _, part := range strings.Split(name, "/") {
		next := dir.entries[part]
		if next == nil {
			next = newMemDir()
			dir.change(memChange{name: part, node: next})
		}
		if !next.dir {
			return pathError("mkdir", name, syscall.ENOTDIR)
		}
		dir = next
	}
	return nil
}

// List returns what a directory holds, by name.
func (m *Mem) List(dir string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !fs.ValidPath(dir) {
		return nil, pathError("list", dir, fs.ErrInvalid)
	}
	n := m.find(dir)
	if n == nil || !n.dir {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	out := make([]fs.DirEntry, 0, len(n.entries))
	for name, e := range n.entries {
		out = append(out, fs.FileInfoToDirEntry(e.info(name)))
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out, nil
}

// Stat describes a file.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !fs.ValidPath(name) {
		return nil, pathError("stat", name, fs.ErrInvalid)
	}
	n := m.find(name)
	if n == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return n.info(path.Base(name)), nil
}

// SyncDir syncs a directory's entries.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(dir)
	if !fs.ValidPath(dir) || n == nil || !n.dir {
		return pathError("sync", dir, fs.ErrNotExist)
	}
	for _, c := range n.changes {
		c.apply(n.syncedEntries)
		if c.move != nil {
			c.move.synced = true
		}
	}
	n.changes = nil
	return nil
}

// Lock takes a lock that this Mem keeps; a crash clone has none.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("lock", name)
	if err != nil {
		return nil, err
	}
	if m.locks[name] {
		return nil, pathError("lock", name, ErrLocked)
	}
	if dir.entries[base] == nil {
		dir.change(memChange{name: base, node: &memNode{}})
	}
	m.locks[name] = true
	return &memLock{fs: m, name: name}, nil
}

type memLock struct {
	fs   *Mem
	name string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

// CrashClone returns what a power cut now would leave: every synced byte and
// name, and of each write and each change of a directory since, by r, all,
// nothing, or (a write) some of its sectors or bytes. m itself goes on.
func (m *Mem) CrashClone(r *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := NewMem()
	c := memCrash{r: r, nodes: map[*memNode]*memNode{}, moves: map[*memMove]bool{}}
	out.root = c.node(m.root)
	return out
}

// memCrash is one power cut: what it made of each node, so that two names of a
// file stay two names, and of each move.
type memCrash struct {
	r     *rand.Rand
	nodes map[*memNode]*memNode
	moves map[*memMove]bool
}

// lasts decides whether a change that is not synced survives.
func (c *memCrash) lasts(change memChange) bool {
	if change.move == nil {
		return c.r.IntN(2) == 0
	}
	if change.move.synced {
		return true
	}
	yes, decided := c.moves[change.move]
	if !decided {
		yes = c.r.IntN(2) == 0
		c.moves[change.move] = yes
	}
	return yes
}

func (c *memCrash) node(n *memNode) *memNode {
	if done := c.nodes[n]; done != nil {
		return done
	}
	if n.dir {
		return c.dir(n)
	}
	data := slices.Clone(n.synced)
	for _, w := range n.writes {
		data = w.crash(c.r, data)
	}
	out := &memNode{data: data, synced: slices.Clone(data)}
	c.nodes[n] = out
	return out
}

func (c *memCrash) dir(n *memNode) *memNode {
	entries := make(map[string]*memNode, len(n.entries))
	for name, e := range n.syncedEntries {
		entries[name] = e
	}
	for _, change := range n.changes {
		if c.lasts(change) {
			change.apply(entries)
		}
	}
	out := newMemDir()
	c.nodes[n] = out
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	sort.Strings(names) // so that a seed replays
	for _, name := range names {
		e := c.node(entries[name])
		out.entries[name], out.syncedEntries[name] = e, e
	}
	return out
}

const sectorBytes = 512

// crash applies what the power cut leaves of a write.
func (w memWrite) crash(r *rand.Rand, data []byte) []byte {
	switch r.IntN(4) {
	case 0:
		return data
	case 1:
		return w.apply(data)
	}
	if w.bytes == nil {
		return w.apply(data)
	}
	if r.IntN(2) == 0 { // torn at any byte
		w.bytes = w.bytes[:r.IntN(len(w.bytes)+1)]
		return w.apply(data)
	}
	for at := 0; at < len(w.bytes); { // any of its sectors
		n := min(len(w.bytes)-at, sectorBytes-int((w.offset+int64(at))%sectorBytes))
		if r.IntN(2) == 0 {
			data = memWrite{offset: w.offset + int64(at), bytes: w.bytes[at : at+n]}.apply(data)
		}
		at += n
	}
	return data
}

func (n *memNode) info(name string) memInfo {
	return memInfo{name: name, size: int64(len(n.data)), dir: n.dir}
}

type memInfo struct {
	name string
	size int64
	dir  bool
}

func (i memInfo) Name() string { return i.name }
func (i memInfo) Size() int64  { return i.size }
func (i memInfo) IsDir() bool  { return i.dir }
func (i memInfo) Sys() any     { return nil }

// ModTime is not kept: nothing in storage may depend on it.
func (i memInfo) ModTime() time.Time { return time.Time{} }

func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
