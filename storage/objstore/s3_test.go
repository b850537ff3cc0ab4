package objstore

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quiver/test/servers"
)

func TestParseS3URL(t *testing.T) {
	for target, want := range map[string]s3Config{
		"s3://bkt":                             {bucket: "bkt", endpoint: "s3.amazonaws.com", secure: true},
		"s3://bkt?region=eu-central-1":         {bucket: "bkt", endpoint: "s3.amazonaws.com", region: "eu-central-1", secure: true},
		"s3://bkt?endpoint=h:9&secure=false":   {bucket: "bkt", endpoint: "h:9", pathStyle: true},
		"s3://bkt/?endpoint=h&path_style=0":    {bucket: "bkt", endpoint: "h", secure: true},
		"s3://bkt?path_style=true&secure=true": {bucket: "bkt", endpoint: "s3.amazonaws.com", secure: true, pathStyle: true},
	} {
		got, err := parseS3URL(target)
		if err != nil || *got != want {
			t.Errorf("%s is %+v, %v", target, got, err)
		}
	}
	for _, bad := range []string{
		"s3:bucket", "s3://", "http://bkt", "s3://bkt/path", "s3://key:secret@bkt", "s3://bkt?secure=maybe", "s3://bkt?bucket=c", "s3://bkt?a=%zz", "s3://bkt#f",
	} {
		if got, err := parseS3URL(bad); err == nil {
			t.Errorf("%s is taken as %+v", bad, got)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", bad, err)
		}
	}
}

// proxy stands between the client and MinIO and breaks what a test asks for.
type proxy struct {
	*httptest.Server
	// before may answer itself; after sees whether to lose the answer.
	before func(w http.ResponseWriter, r *http.Request) bool
	lose   func(r *http.Request) bool
}

func newProxy(t *testing.T, address string) *proxy {
	p := &proxy{}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	transport := &http.Transport{}
	forward.Transport = transport
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Forwarded-Host", r.Host)
		if p.before != nil && p.before(w, r) {
			return
		}
		if p.lose != nil && p.lose(r) {
			forward.ServeHTTP(httptest.NewRecorder(), r)
			dropConnection(w)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { p.Close(); transport.CloseIdleConnections() })
	return p
}

func dropConnection(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

// through opens a bucket of MinIO behind a proxy that is passive so far.
func through(t *testing.T, m *servers.S3) (*proxy, *S3) {
	t.Helper()
	p := newProxy(t, m.Addr)
	s, err := NewS3(ctx, "s3://faulty?secure=false&endpoint="+p.Listener.Addr().String())
	must(t, err)
	s.retry.first, s.retry.total = time.Millisecond, time.Second
	t.Cleanup(func() { s.Close() })
	return p, s
}

// TestS3Faults: lost replies, busy answers and broken bodies are tried again;
// one conditional write wins once.
func TestS3Faults(t *testing.T) {
	m := startMinIO(t)
	p, s := through(t, m)

	var lost atomic.Int64
	p.lose = func(r *http.Request) bool { return r.Method == http.MethodPut && lost.Add(1) == 1 }
	if err := s.PutIfAbsent(ctx, "lost", []byte("mine")); err != nil || lost.Load() < 2 {
		t.Errorf("a put whose reply is lost: %v after %d requests", err, lost.Load())
	}
	lost.Store(0)
	if err := s.PutIfAbsent(ctx, "lost", []byte("mine")); !errors.Is(err, ErrExists) {
		t.Errorf("another's object: %v", err)
	}
	lost.Store(0)
	must(t, s.Put(ctx, "again", strings.NewReader("x"), 1))
	p.lose = nil

	var busy atomic.Int64
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if busy.Add(1)%3 != 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	must(t, s.Put(ctx, "busy", strings.NewReader("busy"), 4))
	if got, err := ReadAll(ctx, s, "busy"); string(got) != "busy" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	must(t, s.Delete(ctx, "busy"))

	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	s.retry.total = 50 * time.Millisecond
	for name, err := range map[string]error{
		"put": s.Put(ctx, "k", strings.NewReader("x"), 1), "delete": s.Delete(ctx, "k"), "conditional": s.PutIfAbsent(ctx, "k", nil),
		"list": s.List(ctx, "", func(ObjectInfo) error { return nil }),
	} {
		if err == nil || name != "list" && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s on a store that is away: %v", name, err)
		}
	}
}

// TestS3BrokenAnswer: a body that breaks off is read again.
func TestS3BrokenAnswer(t *testing.T) {
	p, s := through(t, startMinIO(t))
	want := bytes.Repeat([]byte("abcdefgh"), 1000)
	must(t, s.Put(ctx, "k", bytes.NewReader(want), int64(len(want))))
	var tries atomic.Int64
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || tries.Add(1) > 2 {
			return false
		}
		w.Header().Set("Content-Length", "8000")
		w.Header().Set("Last-Modified", time.Unix(1, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		dropConnection(w)
		return true
	}
	got, err := s.ReadAt(ctx, "k", 0, 8000, nil)
	if err != nil || !bytes.Equal(got, want) || tries.Load() != 3 {
		t.Errorf("%d bytes after %d tries: %v", len(got), tries.Load(), err)
	}
}

// TestS3Silent: a server that takes a request and says nothing, or stops in the middle
// of its answer, is asked again, and is unavailable if that does not help; one that
// takes a body slowly is waited for.
func TestS3Silent(t *testing.T) {
	p, s := through(t, startMinIO(t))
	const silence = time.Second
	s.transport.DialContext = notSilent((&net.Dialer{}).DialContext, silence)
	s.transport.CloseIdleConnections()
	s.retry.total = time.Minute
	want := bytes.Repeat([]byte("abcdefgh"), 1000)
	must(t, s.Put(ctx, "k", bytes.NewReader(want), int64(len(want))))
	// Requests that were given up are still being handled when the next begin.
	var answer atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
	become := func(f func(w http.ResponseWriter, r *http.Request) bool) { answer.Store(&f) }
	p.before = func(w http.ResponseWriter, r *http.Request) bool { return (*answer.Load())(w, r) }
	var tries atomic.Int64
	become(func(w http.ResponseWriter, r *http.Request) bool {
		switch tries.Add(1) {
		case 1:
		case 2:
			w.Header().Set("Content-Length", "8000")
			w.Header().Set("Last-Modified", time.Unix(1, 0).UTC().Format(http.TimeFormat))
			w.Header().Set("ETag", `"x"`)
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		default:
			return false
		}
		<-r.Context().Done()
		return true
	})
	if got, err := s.ReadAt(ctx, "k", 0, 8000, nil); err != nil || !bytes.Equal(got, want) || tries.Load() != 3 {
		t.Errorf("%d bytes after %d tries: %v", len(got), tries.Load(), err)
	}

	become(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	s.retry.total = time.Millisecond
	if _, err := s.Head(ctx, "k"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("head: %v", err)
	}
	if err := s.Put(ctx, "k", strings.NewReader("x"), 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put: %v", err)
	}

	// More than the system takes from the client at once, and longer than silence.
	s.retry.total = time.Minute
	large := bytes.Repeat([]byte("slow"), 4<<20)
	become(func(_ http.ResponseWriter, r *http.Request) bool {
		body := make([]byte, 0, len(large))
		for part := make([]byte, 1<<20); ; time.Sleep(silence / 8) {
			n, err := io.ReadFull(r.Body, part)
			if body = append(body, part[:n]...); err != nil {
				break
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		return false
	})
	must(t, s.Put(ctx, "slow", bytes.NewReader(large), int64(len(large))))
	become(func(http.ResponseWriter, *http.Request) bool { return false })
	if got, err := ReadAll(ctx, s, "slow"); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes: %v", len(got), err)
	}
}

// TestS3Refused: a store that ignores conditions, one that refuses the keys and
// one that is not there are said so in one line.
func TestS3Refused(t *testing.T) {
	m := startMinIO(t)
	p := newProxy(t, m.Addr)
	target := "s3://refused?secure=false&endpoint=" + p.Listener.Addr().String()
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "" {
			w.Header().Set("ETag", `"x"`)
			return true // "stored", whatever was there
		}
		return false
	}
	if s, err := NewS3(ctx, target); err == nil || !strings.Contains(err.Error(), "conditional writes") || s != nil {
		t.Errorf("a store without conditions: %v", err)
	}
	p.before = nil
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-key")
	if _, err := NewS3(ctx, target); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("wrong keys: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	s, err := newS3("s3://away?secure=false&endpoint=" + l.Addr().String())
	must(t, err)
	s.retry.first, s.retry.total = time.Millisecond, 20*time.Millisecond
	if err := s.ensureBucket(ctx); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
	s.Close()
}

// TestS3Restart: objects outlive the server, and a client rides out its
// absence.
func TestS3Restart(t *testing.T) {
	m := startMinIO(t)
	s, err := NewS3(ctx, m.URL("restart"))
	must(t, err)
	defer s.Close()
	put(t, s, "k", "kept")
	looking, err := OpenExisting(m.URL("restart"))
	must(t, err)
	if got, err := ReadAll(ctx, looking, "k"); string(got) != "kept" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	must(t, looking.(*S3).Close())
	m.Kill()
	done := make(chan error, 1)
	go func() {
		got, err := ReadAll(ctx, s, "k")
		if err == nil && string(got) != "kept" {
			err = errors.New("read " + string(got))
		}
		done <- err
	}()
	m.Start()
	must(t, <-done)
}

// TestS3Multipart stores an object that is too large for one PUT.
func TestS3Multipart(t *testing.T) {
	for name, start := range map[string]func(servers.TB, ...string) *servers.S3{"MinIO": servers.StartMinIO, "versitygw": servers.StartVersityGW} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			useKeys(t, server)
			testMultipart(t, server.URL("large"))
		})
	}
}

func testMultipart(t *testing.T, url string) {
	s, err := NewS3(ctx, url)
	must(t, err)
	defer s.Close()
	data := make([]byte, putSingleBytesMax+12345)
	r := rand.NewChaCha8([32]byte{1})
	_, err = r.Read(data)
	must(t, err)
	for key, body := range map[string]io.Reader{"seek": bytes.NewReader(data), "stream": onlyReader{bytes.NewReader(data)}} {
		must(t, s.Put(ctx, key, body, int64(len(data))))
		got, err := s.ReadAt(ctx, key, int64(len(data))-20000, 20000, nil)
		if err != nil || !bytes.Equal(got, data[len(data)-20000:]) {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
	if err := s.Put(ctx, "long", onlyReader{bytes.NewReader(data)}, int64(len(data)-1)); err == nil {
		t.Error("a stream that is too long was stored")
	}
	if _, err := s.Head(ctx, "long"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a stream that is too long left an object: %v", err)
	}
}
