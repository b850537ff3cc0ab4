package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"quiver/storage/vfs"
	"quiver/test/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAcceptance runs one suite over every store.
func TestAcceptance(t *testing.T) {
	minio := startMinIO(t)
	other := servers.StartVersityGW(t)
	bucket := 0
	for name, open := range map[string]func(t *testing.T) Store{
		"mem":    func(*testing.T) Store { return NewMem() },
		"faulty": func(*testing.T) Store { return NewFaulty(NewMem()) },
		"dir": func(t *testing.T) Store {
			s, err := Open(ctx, t.TempDir())
			must(t, err)
			return s
		},
		"place": func(t *testing.T) Store {
			s, err := OpenPlace(ctx, "file://"+t.TempDir()+"/a/b", true)
			must(t, err)
			return s
		},
		"prefix": func(t *testing.T) Store {
			inner := NewMem()
			must(t, inner.PutIfAbsent(ctx, "other/a", []byte("not seen")))
			return WithPrefix(inner, "/some/where/")
		},
		"s3 prefix": func(t *testing.T) Store {
			bucket++
			s, err := OpenPlace(ctx, strings.Replace(minio.URL(fmt.Sprintf("bucket-%d", bucket)), "?", "/a/b?", 1), true)
			must(t, err)
			t.Cleanup(func() { s.(io.Closer).Close() })
			return s
		},
		"memdir": func(*testing.T) Store { return NewDir(vfs.NewMem(), "memdir") },
		"s3 of another server": func(t *testing.T) Store {
			bucket++
			s, err := Open(ctx, other.URL(fmt.Sprintf("bucket-%d", bucket)))
			must(t, err)
			t.Cleanup(func() { s.(*S3).Close() })
			return s
		},
		"s3": func(t *testing.T) Store {
			bucket++
			s, err := Open(ctx, minio.URL(fmt.Sprintf("bucket-%d", bucket)))
			must(t, err)
			t.Cleanup(func() { s.(*S3).Close() })
			return s
		},
	} {
		for test, f := range map[string]func(*testing.T, Store){
			"objects": acceptObjects, "ifabsent": acceptIfAbsent, "bodies": acceptBodies, "ranges": acceptRanges,
			"list": acceptList, "mistakes": acceptMistakes, "concurrent": acceptConcurrent, "map": acceptMap,
		} {
			t.Run(name+"/"+test, func(t *testing.T) { f(t, open(t)) })
		}
	}
}

func put(t testing.TB, s Store, key, content string) {
	t.Helper()
	must(t, s.Put(ctx, key, strings.NewReader(content), int64(len(content))))
}

func acceptObjects(t *testing.T, s Store) {
	put(t, s, "files/a/1", "one")
	put(t, s, "files/a/2", "")
	put(t, s, "files/a/1", "replaced")
	for key, want := range map[string]string{"files/a/1": "replaced", "files/a/2": ""} {
		got, err := ReadAll(ctx, s, key)
		if err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", key, got, err)
		}
	}
	must(t, s.Delete(ctx, "files/a/1"))
	must(t, s.Delete(ctx, "files/a/1"))
	must(t, s.Delete(ctx, "files/none/at/all"))
	if _, err := s.Head(ctx, "files/a/1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("head of a deleted object: %v", err)
	}
}

func acceptIfAbsent(t *testing.T, s Store) {
	must(t, s.PutIfAbsent(ctx, "k/1", []byte("first")))
	for _, data := range []string{"second", "first"} { // the same bytes may be another's too
		if err := s.PutIfAbsent(ctx, "k/1", []byte(data)); !errors.Is(err, ErrExists) {
			t.Errorf("a second put: %v", err)
		}
	}
	if got, err := ReadAll(ctx, s, "k/1"); string(got) != "first" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	winners := 0
	for i := range 8 {
		wg.Go(func() {
			err := s.PutIfAbsent(ctx, "k/race", []byte{byte(i)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners++
			case !errors.Is(err, ErrExists):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if winners != 1 {
		t.Errorf("%d of the racing puts won", winners)
	}
	must(t, s.PutIfAbsent(ctx, "k/empty", nil))
}

// onlyReader hides that a body can seek.
type onlyReader struct{ io.Reader }

func acceptBodies(t *testing.T, s Store) {
	big := bytes.Repeat([]byte("0123456789abcdef"), (3<<20)/16)
	must(t, s.Put(ctx, "big", bytes.NewReader(big), int64(len(big))))
	must(t, s.Put(ctx, "stream", onlyReader{bytes.NewReader(big)}, int64(len(big))))
	for _, key := range []string{"big", "stream"} {
		if got, err := ReadAll(ctx, s, key); err != nil || !bytes.Equal(got, big) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
	broken := errors.New("encoder failed")
	for name, body := range map[string]io.Reader{
		"short": strings.NewReader("four"), "long": strings.NewReader("sixsix"), "shortstream": onlyReader{strings.NewReader("four")},
		"broken": io.MultiReader(strings.NewReader("abc"), errReader{broken}),
	} {
		if err := s.Put(ctx, name, body, 5); err == nil || name == "broken" && !errors.Is(err, broken) {
			t.Errorf("%s body: %v", name, err)
		}
		if _, err := s.Head(ctx, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s body left an object: %v", name, err)
		}
	}
	tail := strings.NewReader("headtail")
	_, err := tail.Seek(4, io.SeekStart)
	must(t, err)
	must(t, s.Put(ctx, "tail", tail, 4))
	if got, err := ReadAll(ctx, s, "tail"); string(got) != "tail" || err != nil {
		t.Errorf("a body from its middle: %q, %v", got, err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func acceptRanges(t *testing.T, s Store) {
	put(t, s, "r", "0123456789")
	own := make([]byte, 3, 8)
	for _, c := range []struct {
		offset, length int64
		want           string
		err            error
	}{
		{0, 1, "0", nil}, {0, 10, "0123456789", nil}, {3, 4, "3456", nil}, {9, 1, "9", nil}, {0, 0, "", nil}, {10, 0, "", nil},
		{0, 11, "0123456789", io.EOF}, {8, 8, "89", io.EOF}, {10, 1, "", io.EOF}, {20, 1, "", io.EOF}, {5, 1 << 40, "56789", io.EOF},
	} {
		got, err := s.ReadAt(ctx, "r", c.offset, c.length, own)
		if string(got) != c.want || !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("[%d, +%d) is %q, %v; want %q, %v", c.offset, c.length, got, err, c.want, c.err)
		}
		if len(got) > 0 && len(got) <= cap(own) && &got[0] != &own[0] {
			t.Errorf("[%d, +%d): the caller's memory was not used", c.offset, c.length)
		}
	}
	for _, c := range [][2]int64{{-1, 1}, {0, -1}} {
		if _, err := s.ReadAt(ctx, "r", c[0], c[1], nil); err == nil {
			t.Errorf("range %v was read", c)
		}
	}
}

func acceptList(t *testing.T, s Store) {
	keys := []string{"a", "b/1", "b/10", "b/2", "b/x/y", "b-c", "b.c", "c/d/e/f", "bb"}
	for _, k := range keys {
		put(t, s, k, k)
	}
	sort.Strings(keys)
	for _, prefix := range []string{"", "b", "b/", "b/1", "b/x", "b/x/", "c/d", "zz", "a", "b/1/"} {
		var want, got []string
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		must(t, s.List(ctx, prefix, func(o ObjectInfo) error {
			if o.Size != int64(len(o.Key)) {
				t.Errorf("%s has %d bytes", o.Key, o.Size)
			}
			got = append(got, o.Key)
			return nil
		}))
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("prefix %q: %v, want %v", prefix, got, want)
		}
	}
	stop := errors.New("enough")
	if err := s.List(ctx, "", func(ObjectInfo) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a stopped list: %v", err)
	}
}

func acceptMistakes(t *testing.T, s Store) {
	put(t, s, "dir/object", "x")
	for _, key := range []string{"", ".", "/a", "a/", "a//b", "../a", "a/../b", ".tmp/1", "a/.b", strings.Repeat("k", 1025)} {
		if err := s.Put(ctx, key, strings.NewReader(""), 0); err == nil {
			t.Errorf("key %q was taken", key)
		}
		if _, err := s.Head(ctx, key); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("head of key %q: %v", key, err)
		}
		if err := s.PutIfAbsent(ctx, key, nil); err == nil {
			t.Errorf("key %q was taken", key)
		}
		if err := s.Delete(ctx, key); err == nil {
			t.Errorf("key %q was deleted", key)
		}
	}
	for _, key := range []string{"none", "dir"} {
		if _, err := s.ReadAt(ctx, key, 0, 1, nil); !errors.Is(err, ErrNotFound) {
			t.Errorf("read of %q: %v", key, err)
		}
		if _, err := s.Head(ctx, key); !errors.Is(err, ErrNotFound) {
			t.Errorf("head of %q: %v", key, err)
		}
	}
	must(t, s.Delete(ctx, "dir"))
	if _, err := s.Head(ctx, "dir/object"); err != nil {
		t.Errorf("deleting dir took dir/object along: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Put(ended, "k", strings.NewReader("x"), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("put under an ended context: %v", err)
	}
	if _, err := s.ReadAt(ended, "dir/object", 0, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("read under an ended context: %v", err)
	}
}

func acceptConcurrent(t *testing.T, s Store) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for j := range 8 {
				key := fmt.Sprintf("c/%d/%d", i%4, i*100+j)
				data := bytes.Repeat([]byte{byte(i*16 + j)}, r.IntN(5000))
				if err := s.Put(ctx, key, bytes.NewReader(data), int64(len(data))); err != nil {
					t.Error(err)
				}
				if got, err := ReadAll(ctx, s, key); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s: %d bytes of %d, %v", key, len(got), len(data), err)
				}
			}
		})
	}
	wg.Wait()
}

func acceptMap(t *testing.T, s Store) {
	l, ok := s.(Local)
	if !ok {
		return // only stores on this machine can
	}
	put(t, s, "m", "mapped")
	data, unmap, err := l.Map(ctx, "m")
	must(t, err)
	must(t, s.Delete(ctx, "m")) // what is mapped stays readable
	if string(data) != "mapped" {
		t.Errorf("mapped %q", data)
	}
	must(t, unmap())
	if _, _, err := l.Map(ctx, "m"); !errors.Is(err, ErrNotFound) {
		t.Errorf("map of nothing: %v", err)
	}
}

// startMinIO starts a server for the time of the test and lets clients find its
// keys.
func startMinIO(t *testing.T) *servers.S3 {
	t.Helper()
	m := servers.StartMinIO(t)
	useKeys(t, m)
	return m
}

// useKeys lets clients find the keys of a server.
func useKeys(t *testing.T, s *servers.S3) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", s.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s.SecretKey)
	t.Setenv("AWS_SESSION_TOKEN", "")
}
