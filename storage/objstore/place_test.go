package objstore

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quiver/storage/vfs"
)

func TestOpenPlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct{ target, want string }{
		{dir, "is no URL of an object store"},
		{"ftp://x/y", "is no URL of an object store"},
		{"file://host" + dir, "want file:///directory"},
		{"file:relative", "want file:///directory"},
		{"file://" + dir + "?a=b", "want file:///directory"},
		{"file://" + file, "not a directory"},
		{"s3://bucket/.hidden?endpoint=127.0.0.1:1", "invalid key"},
		{"s3://bucket/a?what=1", "unknown parameter"},
	} {
		if _, err := OpenPlace(ctx, c.target, true); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.target, err, c.want)
		}
	}
	if _, err := OpenPlace(ctx, "file://"+dir+"/none", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	s, err := OpenPlace(ctx, "s3://bucket/a/b/?endpoint=127.0.0.1:1&secure=false", false)
	must(t, err)
	if want := "s3://bucket/a/b?endpoint=127.0.0.1:1"; s.URL() != want {
		t.Errorf("URL %s, want %s", s.URL(), want)
	}
}

// TestSharedDir: two processes write one directory, and what a third left half
// written goes when it is asked for.
func TestSharedDir(t *testing.T) {
	fsys := vfs.NewMem()
	a, b := NewSharedDir(fsys, "d"), NewSharedDir(fsys, "d")
	body := &interrupted{inner: bytes.NewReader(make([]byte, 100)), then: func() {
		must(t, b.PutIfAbsent(ctx, "x/b", []byte("b"))) // while a writes
	}}
	must(t, a.Put(ctx, "x/a", body, 100))
	for _, key := range []string{"x/a", "x/b"} {
		if _, err := b.Head(ctx, key); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	f, err := fsys.Create(tempDir + "/left-1")
	must(t, err)
	must(t, f.Close())
	must(t, a.ClearLeftovers())
	if left, err := fsys.List(tempDir); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

// interrupted calls then before its first byte.
type interrupted struct {
	inner *bytes.Reader
	then  func()
}

func (i *interrupted) Read(p []byte) (int, error) {
	if i.then != nil {
		i.then()
		i.then = nil
	}
	return i.inner.Read(p)
}
