package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// implementations are all that must pass the contract.
func implementations(t *testing.T) map[string]FS {
	o, err := NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]FS{"os": o, "mem": NewMem(), "faulty": NewFaulty(NewMem())}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, fsys FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	must(t, f.Close())
}

func content(t *testing.T, fsys FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	entries, err := fsys.List(dir)
	must(t, err)
	out := ""
	for _, e := range entries {
		out += e.Name()
		if e.IsDir() {
			out += "/"
		}
		out += " "
	}
	return out
}

func TestContract(t *testing.T) {
	for name, test := range map[string]func(*testing.T, FS){
		"files": contractFiles, "names": contractNames, "mistakes": contractMistakes, "map": contractMap,
		"lock": contractLock, "concurrent": contractConcurrent, "writefile": contractWriteFile,
	} {
		for kind, fsys := range implementations(t) {
			t.Run(kind+"/"+name, func(t *testing.T) { test(t, fsys) })
		}
	}
}

func contractFiles(t *testing.T, fsys FS) {
	f, err := fsys.Create("f")
	must(t, err)
	defer f.Close()
	must(t, f.Allocate(10))
	_, err = f.WriteAt([]byte("abc"), 12)
	must(t, err)
	must(t, f.SyncData())
	b := make([]byte, 20)
	n, err := f.ReadAt(b, 9)
	if n != 6 || err != io.EOF || string(b[:n]) != "\x00\x00\x00abc" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if n, err := f.ReadAt(b, 100); n != 0 || err != io.EOF {
		t.Errorf("past the end: %d, %v", n, err)
	}
	must(t, f.Allocate(5)) // never shrinks
	must(t, f.Truncate(13))
	must(t, f.Truncate(14))
	if size, err := f.Size(); size != 14 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
	if n, err := f.ReadAt(b[:2], 12); n != 2 || err != nil || string(b[:2]) != "a\x00" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	must(t, fsys.Remove("f"))
	if _, err := f.WriteAt([]byte("still open"), 0); err != nil {
		t.Errorf("write to a removed file: %v", err)
	}
}

func contractNames(t *testing.T, fsys FS) {
	must(t, fsys.MkdirAll("a/b"))
	must(t, fsys.MkdirAll("a/b"))
	create(t, fsys, "a/x", "1")
	create(t, fsys, "a/b/y", "2")
	must(t, fsys.Rename("a/x", "a/z"))
	must(t, fsys.Rename("a/b/y", "a/moved"))
	must(t, fsys.Link("a/z", "a/linked"))
	must(t, fsys.SyncDir("a"))
	must(t, fsys.SyncDir("."))
	if got := names(t, fsys, "a"); got != "b/ linked moved z " {
		t.Errorf("names %s", got)
	}
	must(t, fsys.Rename("a/moved", "a/z")) // replaces
	if got := content(t, fsys, "a/z") + content(t, fsys, "a/linked"); got != "21" {
		t.Errorf("contents %s", got)
	}
	info, err := fsys.Stat("a/z")
	must(t, err)
	if info.Size() != 1 || info.IsDir() || info.Name() != "z" {
		t.Errorf("info %v", info)
	}
}

func contractMistakes(t *testing.T, fsys FS) {
	must(t, fsys.MkdirAll("d/e"))
	create(t, fsys, "f", "")
	open := func(f func(string) (File, error), name string) error {
		file, err := f(name)
		if err == nil {
			file.Close()
		}
		return err
	}
	readOnly, err := fsys.Open("f")
	must(t, err)
	defer readOnly.Close()
	if _, err := readOnly.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a read-only file was written")
	}
	_, listErr := fsys.List("none")
	_, statErr := fsys.Stat("none")
	for name, c := range map[string]struct{ err, want error }{
		"create twice":       {open(fsys.Create, "f"), fs.ErrExist},
		"open none":          {open(fsys.Open, "none"), fs.ErrNotExist},
		"open no dir":        {open(fsys.Open, "none/f"), fs.ErrNotExist},
		"create in no dir":   {open(fsys.Create, "none/f"), fs.ErrNotExist},
		"write none":         {open(fsys.OpenReadWrite, "none"), fs.ErrNotExist},
		"remove none":        {fsys.Remove("none"), fs.ErrNotExist},
		"rename none":        {fsys.Rename("none", "g"), fs.ErrNotExist},
		"link over":          {fsys.Link("f", "d"), fs.ErrExist},
		"list none":          {listErr, fs.ErrNotExist},
		"stat none":          {statErr, fs.ErrNotExist},
		"sync none":          {fsys.SyncDir("none"), fs.ErrNotExist},
		"leaving the root":   {open(fsys.Create, "../f"), fs.ErrInvalid},
		"absolute":           {fsys.MkdirAll("/f"), fs.ErrInvalid},
		"dots in the middle": {open(fsys.Create, "d/../g"), fs.ErrInvalid},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if err := fsys.Remove("d"); err == nil {
		t.Error("a directory with files was removed")
	}
	if err := fsys.MkdirAll("f/g"); err == nil {
		t.Error("a directory was made below a file")
	}
}

func contractMap(t *testing.T, fsys FS) {
	create(t, fsys, "f", "mapped bytes")
	f, err := fsys.Open("f")
	must(t, err)
	for _, n := range []int64{0, 6, 12} {
		data, unmap, err := f.Map(n)
		must(t, err)
		if string(data) != "mapped bytes"[:n] {
			t.Errorf("mapped %q", data)
		}
		must(t, unmap())
	}
	if _, _, err := f.Map(13); err == nil {
		t.Error("more than the file was mapped")
	}
	data, unmap, err := f.Map(12)
	must(t, err)
	must(t, f.Close())
	if string(data) != "mapped bytes" {
		t.Errorf("after close: %q", data)
	}
	must(t, unmap())

	w, err := fsys.OpenReadWrite("f")
	must(t, err)
	must(t, w.Allocate(20))
	data, unmap, err = w.MapWritable(20)
	must(t, err)
	copy(data[7:], "by a map")
	must(t, fsys.Remove("f"))
	must(t, unmap())
	got := make([]byte, 20)
	if _, err := w.ReadAt(got, 0); err != nil || string(got) != "mapped by a map\x00\x00\x00\x00\x00" {
		t.Errorf("written by a map: %q, %v", got, err)
	}
	must(t, w.Close())
}

func contractLock(t *testing.T, fsys FS) {
	l, err := fsys.Lock("lock")
	must(t, err)
	if _, err := fsys.Lock("lock"); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock: %v", err)
	}
	must(t, l.Close())
	l, err = fsys.Lock("lock")
	must(t, err)
	must(t, l.Close())
}

func contractConcurrent(t *testing.T, fsys FS) {
	f, err := fsys.Create("f")
	must(t, err)
	defer f.Close()
	must(t, f.Allocate(8<<10))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			block := bytes.Repeat([]byte{byte(i)}, 1024)
			if _, err := f.WriteAt(block, int64(i)*1024); err != nil {
				t.Error(err)
			}
			if err := f.SyncData(); err != nil {
				t.Error(err)
			}
			got := make([]byte, 1024)
			if _, err := f.ReadAt(got, int64(i)*1024); err != nil || !bytes.Equal(got, block) {
				t.Errorf("block %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func contractWriteFile(t *testing.T, fsys FS) {
	must(t, fsys.MkdirAll("d"))
	create(t, fsys, "d/tmp", "left over")
	for _, c := range []string{"first", "2nd"} {
		must(t, WriteFile(fsys, "d", "f", "tmp", []byte(c)))
		if got := content(t, fsys, "d/f"); got != c {
			t.Errorf("content %q", got)
		}
	}
	must(t, WriteFile(fsys, ".", "f", "tmp", []byte("x")))
	if got := names(t, fsys, ".") + names(t, fsys, "d"); got != "d/ f f " {
		t.Errorf("names %s", got)
	}
}

// TestCrashKeepsSynced: synced bytes and names survive every cut, un-synced
// ones survive some cuts and vanish in others, and a rename is never half done.
func TestCrashKeepsSynced(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("d"))
	must(t, m.SyncDir("."))
	synced := bytes.Repeat([]byte("s"), 2000)
	f, err := m.Create("d/f")
	must(t, err)
	_, err = f.WriteAt(synced, 0)
	must(t, err)
	must(t, f.SyncData())
	must(t, m.SyncDir("d"))
	_, err = f.WriteAt(bytes.Repeat([]byte("u"), 2000), 2000)
	must(t, err)
	create(t, m, "d/new", "")
	create(t, m, "d/old", "")
	must(t, m.SyncDir("d"))
	must(t, m.Remove("d/new"))
	must(t, m.MkdirAll("e"))
	must(t, m.SyncDir("."))
	must(t, m.Rename("d/old", "e/moved"))

	seen := map[string]int{}
	for seed := range uint64(200) {
		c := m.CrashClone(rand.New(rand.NewPCG(seed, 0)))
		got := content(t, c, "d/f")
		if len(got) < 2000 || got[:2000] != string(synced) {
			t.Fatalf("seed %d: synced bytes are lost: %d left", seed, len(got))
		}
		switch rest := got[2000:]; {
		case rest == "":
			seen["nothing"]++
		case rest == string(bytes.Repeat([]byte("u"), 2000)):
			seen["all"]++
		default:
			seen["part"]++
		}
		d, e := names(t, c, "d"), names(t, c, "e")
		seen[d]++
		if (e == "moved ") == (d == "f new old " || d == "f old ") {
			t.Fatalf("seed %d: rename is half done: %s, %s", seed, d, e)
		}
	}
	for _, want := range []string{"nothing", "all", "part", "f ", "f new ", "f old ", "f new old "} {
		if seen[want] == 0 {
			t.Errorf("no cut left %q: %v", want, seen)
		}
	}
}

func TestFullDisk(t *testing.T) {
	m := NewMem()
	m.SetFree(100)
	f, err := m.Create("f")
	must(t, err)
	must(t, f.Allocate(100))
	if _, err := f.WriteAt([]byte("within"), 94); err != nil {
		t.Errorf("a write within: %v", err)
	}
	if _, err := f.WriteAt([]byte("x"), 100); err == nil {
		t.Error("a write past a full disk")
	}
	must(t, f.Close())
	must(t, m.Link("f", "g"))
	must(t, m.Remove("f"))
	if free, err := m.Free(); free != 0 || err != nil {
		t.Errorf("%d bytes are free while a file has a name: %v", free, err)
	}
	must(t, m.Remove("g"))
	if free, err := m.Free(); free != 100 || err != nil {
		t.Errorf("%d bytes are free, not 100: %v", free, err)
	}
}

func TestFaulty(t *testing.T) {
	f := NewFaulty(NewMem())
	f.Set(&Fault{After: 1, Match: func(o Op) bool { return o.Kind == "write" }, Short: true})
	file, err := f.Create("f")
	must(t, err)
	_, err = file.WriteAt([]byte("good"), 0)
	must(t, err)
	n, err := file.WriteAt([]byte("half"), 4)
	if n != 2 || !errors.Is(err, ErrInjected) || !f.Hit() {
		t.Errorf("wrote %d, %v", n, err)
	}
	_, err = file.WriteAt([]byte("!"), 6) // not sticky
	must(t, err)
	if got := content(t, f, "f"); got != "goodha!" {
		t.Errorf("content %q", got)
	}
	f.Set(&Fault{Sticky: true, Match: Op.Writes})
	for range 2 {
		if err := file.SyncData(); !errors.Is(err, ErrInjected) {
			t.Errorf("sync: %v", err)
		}
	}
	f.Set(nil)
	must(t, file.SyncData())
}
