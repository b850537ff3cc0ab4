package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// profiled takes a CPU profile of Quiver's server for a while, if profiles are
// asked for, while the caller goes on; the function returned waits for it.
func (b *bench) profiled(name string, d time.Duration) (wait func()) {
	if b.profiles == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.profile(name, d); err != nil {
			b.say("no profile of %s: %v", name, err)
		}
	}()
	return func() { <-done }
}

func (b *bench) profile(name string, d time.Duration) error {
	r, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.http, max(1, int(d.Seconds()))))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", r.Status)
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(b.profiles, notInNames.ReplaceAllString(name, "-")+".prof"))
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r.Body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// profileSearch searches once more, for a profile alone.
func (b *bench) profileSearch(w *wire, name string, clients int) error {
	if b.profiles == "" {
		return nil
	}
	wait := b.profiled(name, 3*slice)
	_, err := w.rate(clients, 3*slice)
	wait()
	return err
}
