package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"quiver/storage/vfs"
)

// TestDirPowerCuts: after a cut each object that was put is there and whole,
// one that was being put is whole or not there, and a new store works on.
func TestDirPowerCuts(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 4))
		fsys := vfs.NewMem()
		objects := map[string][]byte{}
		for life := range 3 {
			s := NewDir(fsys, "d")
			for i := range 1 + r.IntN(6) {
				key := fmt.Sprintf("files/%d/%d-%d", r.IntN(3), life, i)
				data := bytes.Repeat([]byte{byte(i + 1)}, r.IntN(3000))
				if r.IntN(2) == 0 {
					must(t, s.Put(ctx, key, bytes.NewReader(data), int64(len(data))))
				} else {
					must(t, s.PutIfAbsent(ctx, key, data))
				}
				objects[key] = data
			}
			// One more is under way: its last operations did not happen.
			faulty := vfs.NewFaulty(fsys)
			faulty.Set(&vfs.Fault{After: r.IntN(8), Sticky: true})
			half := NewDir(faulty, "d")
			key, data := fmt.Sprintf("files/half/%d", life), bytes.Repeat([]byte("h"), 2000)
			_ = half.PutIfAbsent(ctx, key, data)
			fsys = fsys.CrashClone(r)
			s = NewDir(fsys, "d")
			for k, want := range objects {
				if got, err := ReadAll(ctx, s, k); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("seed %d: %s has %d bytes of %d, %v", seed, k, len(got), len(want), err)
				}
			}
			got, err := ReadAll(ctx, s, key)
			if err == nil && !bytes.Equal(got, data) || err != nil && !errors.Is(err, ErrNotFound) {
				t.Fatalf("seed %d: half an object of %d bytes, %v", seed, len(got), err)
			}
		}
	}
}

// TestDirEveryFault: the i-th operation fails; a put says so or the object is
// there, and nothing half written is ever seen.
func TestDirEveryFault(t *testing.T) {
	for i := 0; ; i++ {
		fsys := vfs.NewFaulty(vfs.NewMem())
		s := NewDir(fsys, "d")
		fsys.Set(&vfs.Fault{After: i, Short: true})
		putErr := s.Put(ctx, "a/b", strings.NewReader("content"), 7)
		absentErr := s.PutIfAbsent(ctx, "a/c", []byte("content"))
		hit := fsys.Hit()
		fsys.Set(nil)
		for key, err := range map[string]error{"a/b": putErr, "a/c": absentErr} {
			got, readErr := ReadAll(ctx, s, key)
			if err == nil && readErr != nil || readErr == nil && string(got) != "content" {
				t.Errorf("fault %d: put %v, then %q, %v", i, err, got, readErr)
			}
		}
		put(t, s, "a/d", "later")
		if !hit {
			return
		}
	}
}

// TestFaulty: what the wrapper promises.
func TestFaulty(t *testing.T) {
	f := NewFaulty(NewMem())
	f.Set(&Fault{LoseReply: true, Match: func(o Op) bool { return o.Kind == "putifabsent" }})
	if err := f.PutIfAbsent(ctx, "k", []byte("x")); !errors.Is(err, ErrInjected) || !f.Hit() {
		t.Errorf("lost reply: %v", err)
	}
	if got, err := ReadAll(ctx, f, "k"); string(got) != "x" || err != nil {
		t.Errorf("it was stored: %q, %v", got, err)
	}
	f.Set(&Fault{After: 1, Sticky: true, Err: ErrUnavailable})
	_, first := f.Head(ctx, "k")
	_, second := f.Head(ctx, "k")
	_, third := f.Head(ctx, "k")
	if first != nil || !errors.Is(second, ErrUnavailable) || !errors.Is(third, ErrUnavailable) {
		t.Errorf("%v, %v, %v", first, second, third)
	}
	f.Set(&Fault{Delay: time.Millisecond, DelayOnly: true, Sticky: true})
	if _, err := f.Head(ctx, "k"); err != nil {
		t.Errorf("slow: %v", err)
	}
}

// TestOpenExisting makes nothing.
func TestOpenExisting(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(ctx, dir)
	must(t, err)
	put(t, s, "k", "kept")
	s, err = OpenExisting(dir)
	must(t, err)
	if got, err := ReadAll(ctx, s, "k"); string(got) != "kept" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	for _, bad := range []string{dir + "/none", dir + "/k", "s3://b?what=ever"} {
		if _, err := OpenExisting(bad); err == nil {
			t.Errorf("%s was opened", bad)
		}
	}
}

// TestDirStage: a staged object has its name once it is published, whole, and
// nothing is left of one that is discarded.
func TestDirStage(t *testing.T) {
	ctx := context.Background()
	fsys := vfs.NewMem()
	d := NewDir(fsys, "mem")
	for i, publish := range []bool{true, false, true} {
		s, err := d.Stage()
		if err != nil {
			t.Fatal(err)
		}
		for at, part := range []string{"one", "two"} {
			if _, err := s.WriteAt([]byte(part), int64(3*at)); err != nil {
				t.Fatal(err)
			}
		}
		key := fmt.Sprintf("a/b%d", i)
		if publish {
			if err := s.Publish(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
		s.Discard()
		got, err := d.ReadAt(ctx, key, 0, 100, nil)
		switch {
		case publish && string(got) != "onetwo":
			t.Errorf("%s is %q, %v", key, got, err)
		case !publish && !errors.Is(err, ErrNotFound):
			t.Errorf("what was discarded is %q, %v", got, err)
		}
	}
	if s, err := d.Stage(); err != nil || s.Publish(ctx, "../x") == nil {
		t.Errorf("a key that is none is taken: %v", err)
	}
	left, err := fsys.List(tempDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
