package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stoppedData makes a data directory and stops its server.
func stoppedData(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	cfg := startConfig{data: dir, listen: "127.0.0.1:0", user: "postgres", memoryBudget: 64 << 20, cacheBudget: 1 << 20, segmentMaxSize: 512 << 20, sealAfter: time.Hour, maxConnections: 10}
	n, err := openNode(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDamagedCatalogFile: a server and a check whose catalog's file is damaged end with
// one line that names it.
func TestDamagedCatalogFile(t *testing.T) {
	dir := stoppedData(t)
	name := filepath.Join(dir, "etcd", "member", "snap", "db")
	db, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// The length of each value, within etcd's own record of it, is changed.
	found := 0
	for _, at := range regexp.MustCompile(`[dn]\{"oid"`).FindAllIndex(db, -1) {
		const before = 7 // tag and length of the value, and its checksum
		if tag := at[0] - before; db[tag] == 0x2a {
			db[tag+1] ^= 1
			found++
		}
	}
	if found == 0 {
		t.Fatal("no value is found")
	}
	write(t, name, db)
	// etcd holds what it has opened until the process ends.
	second := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(second, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if got := refused(t, "--data", dir, "--listen", "127.0.0.1:0"); !strings.Contains(got, name) || strings.Contains(got, "\n") {
		t.Errorf("start says %q", got)
	}
	cmd := checkCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(io.Discard)
	cmd.SetArgs([]string{"--data", second, "--quiet"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(oneLine(err), filepath.Join(second, "etcd", "member", "snap", "db")) {
		t.Errorf("check says %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("that took %v", took)
	}
}
