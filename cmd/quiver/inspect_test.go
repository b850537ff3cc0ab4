package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/backup"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// inspect runs `quiver inspect` with the arguments.
func inspect(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := inspectCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestInspect looks at one file of each kind, by path and by key, good and
// damaged.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	segment := manifest.Segment{Table: 1, Partition: 2, ID: 3}
	var delta bytes.Buffer
	summary, err := deltalog.Write(&delta, deltalog.IDs{Table: 1, Partition: 2, Segment: 3, Log: 4}, memory.DefaultAllocator, deltalog.Entries([]deltalog.Entry{{RowID: 7, Timestamp: 8}}))
	if err != nil {
		t.Fatal(err)
	}
	m := &manifest.Manifest{Table: 1, Partition: 2, Segment: 3}
	m.Add(manifest.KindDelta, segment.DeltaLog(4), &summary)
	object, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	deltaPath := filepath.Join(dir, segment.DeltaLog(4))
	write(t, deltaPath, delta.Bytes())
	write(t, filepath.Join(dir, segment.Manifest(5)), object)

	logDir := t.TempDir()
	files, err := vfs.NewOS(logDir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := wal.OpenFiles(files, "wal", wal.FileOptions{FileBytes: 8 << 10})
	if err != nil {
		t.Fatal(err)
	}
	record := wal.Record{Kind: wal.KindAbort, Txn: 99}
	f, err := log.Append(record.AppendHeader(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Wait(), log.Close()); err != nil {
		t.Fatal(err)
	}

	logFiles, err := files.List("wal")
	if err != nil {
		t.Fatal(err)
	}
	description := backup.Description{
		Name: "b1", Cluster: "c", Scope: backup.Scope{Database: "d", Tables: []string{"public.t"}}, Segments: []backup.Segment{{Manifest: m}},
	}
	if object, err = description.Encode(); err != nil {
		t.Fatal(err)
	}
	backupPath, interimPath := filepath.Join(dir, "b1"), filepath.Join(dir, "interim-17")
	write(t, backupPath, object)
	write(t, interimPath, []byte{0})

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"deltas", deltaPath}, "row 7 deleted at 8"},
		{[]string{"binlog", deltaPath}, "kind delta, table 1, partition 2, segment 3"},
		{[]string{"deltas", segment.DeltaLog(4), "--object-store", dir}, "row 7 deleted at 8"},
		{[]string{"manifest", segment.Manifest(5), "--object-store", dir}, segment.DeltaLog(4)},
		{[]string{"wal", filepath.Join(logDir, "wal")}, "abort of transaction 99"},
		// Without being told what they are.
		{[]string{deltaPath, filepath.Join(logDir, "wal")}, "abort of transaction 99"},
		{[]string{filepath.Join(logDir, "wal", logFiles[0].Name())}, "abort of transaction 99"},
		{[]string{segment.DeltaLog(4), segment.Manifest(5), "--object-store", dir}, "row 7 deleted at 8"},
		{[]string{segment.Manifest(5), "--object-store", dir}, "manifest " + segment.Manifest(5)},
		{[]string{backupPath}, "backup \"b1\" of tables public.t of database d"},
		{[]string{"backup", backupPath}, "segment 3 of table 1, partition 2"},
		{[]string{interimPath}, "to be replaced"},
	} {
		if out, err := inspect(t, c.args...); err != nil || !strings.Contains(out, c.want) {
			t.Errorf("inspect %v: %v\n%s", c.args, err, out)
		}
	}
	if _, err := inspect(t, filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("inspect of no file: %v", err)
	}
	write(t, filepath.Join(dir, "text"), []byte("text"))
	if _, err := inspect(t, filepath.Join(dir, "text")); err == nil || !strings.Contains(err.Error(), "begins as no file of a server does") {
		t.Errorf("inspect of a text: %v", err)
	}
	object[len(object)/2] ^= 1
	write(t, backupPath, object)
	damaged := delta.Bytes()
	damaged[200] ^= 1
	write(t, deltaPath, damaged)
	for _, args := range [][]string{{"deltas", deltaPath}, {"binlog", deltaPath}, {deltaPath}, {backupPath}, {"manifest", segment.Manifest(5), "--object-store", dir}} {
		if out, err := inspect(t, args...); !errors.As(err, new(*binlog.CorruptionError)) || !strings.Contains(out, "CORRUPT") {
			t.Errorf("inspect %v of a damaged file: %v\n%s", args, err, out)
		}
	}
	for _, args := range [][]string{{"deltas", dir + "/none"}, {"wal", dir + "/none"}, {"binlog", "k", "--object-store", dir + "/none"}} {
		if _, err := inspect(t, args...); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("inspect %v: %v", args, err)
		}
	}
}
