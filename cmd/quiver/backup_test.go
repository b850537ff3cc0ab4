package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBackupWords(t *testing.T) {
	for _, c := range []struct {
		cfg     backupConfig
		restore bool
		want    string
	}{
		{backupConfig{}, false, ""},
		{backupConfig{database: "d"}, false, ` DATABASE "d"`},
		{backupConfig{database: `D"x`, as: "e"}, true, ` DATABASE "D""x" AS "e"`},
		{backupConfig{tables: []string{"a", "s.b"}}, false, ` TABLE "a", "s"."b"`},
		{backupConfig{tables: []string{"a=B", "Order"}}, true, ` TABLE "a" AS "b", "order"`},
		{backupConfig{tables: []string{`"S x"."T=1"="T ""X"""`}}, true, ` TABLE "S x"."T=1" AS "T ""X"""`},
		{backupConfig{tables: []string{"a=s.b"}}, true, "!the name to restore under has none"},
		{backupConfig{tables: []string{"a="}}, true, "!no name of a table"},
		{backupConfig{tables: []string{"a; DROP TABLE b"}}, true, "!no name of a table"},
		{backupConfig{tables: []string{"a=b"}}, false, "!a name to restore under"},
		{backupConfig{database: "d", tables: []string{"a"}}, false, "!exclude each other"},
		{backupConfig{as: "e"}, true, "!--as needs --database"},
	} {
		got, err := c.cfg.what(c.restore)
		if bad, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%+v: %v, want %q", c.cfg, err, bad)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v, want %q", c.cfg, got, err, c.want)
		}
	}
}

// TestBackupCommandRefusals: what cannot be done says why.
func TestBackupCommandRefusals(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "file://" + dir + "/none"}, "no such file"},
		{[]string{"list", dir}, "is no URL of an object store"},
		{[]string{"verify", "file://" + dir, "none"}, "there is no such backup"},
		{[]string{"delete", "file://" + dir, "none"}, "there is no such backup"},
		{[]string{"delete", "file://" + dir, "../x"}, "invalid name"},
		{[]string{"create", "file://" + dir, "--server", "nonsense://"}, "--server"},
		{[]string{"create"}, "accepts 1 arg"},
	} {
		cmd := backupCommand()
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(c.args)
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("backup %v: %v, want %q", c.args, err, c.want)
		}
	}
	check := checkCommand()
	check.SilenceErrors, check.SilenceUsage = true, true
	check.SetArgs([]string{"--data", dir})
	if err := check.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "is no data directory") {
		t.Errorf("check of a directory of something else: %v", err)
	}
}

func TestBarText(t *testing.T) {
	for _, c := range []struct {
		done, total int64
		want        string
	}{
		{0, 0, "copying"},
		{0, 1000, "copying [------------------------------] 0% of 1000.0B, 0B"},
		{1 << 20, 4 << 20, "copying [#######-----------------------] 25% of 4.0MB, 1.0MB"},
		{9, 3, "copying [##############################] 100% of 3.0B, 3.0B"},
	} {
		if got := barText("copying", c.done, c.total); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}
