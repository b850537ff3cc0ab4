package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// refused starts a server that is expected not to start and returns why.
func refused(t *testing.T, args ...string) string {
	t.Helper()
	cmd := startCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	ctx, cancel := context.WithTimeout(t.Context(), reachTimeout)
	defer cancel()
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return ""
	}
	return oneLine(err)
}

// TestRefusals: what cannot start says in one line why.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file, empty := filepath.Join(dir, "file"), filepath.Join(dir, "empty")
	for name, text := range map[string]string{file: "secret", empty: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen", taken.Addr().String()}, "--listen: listen tcp " + taken.Addr().String() + ": bind: address already in use"},
		{[]string{"--http", taken.Addr().String()}, "--http: listen tcp"},
		{[]string{"--listen", "nonsense"}, "missing port"},
		{[]string{"--listen", "0.0.0.0:0"}, "give --password-file to listen there"},
		{[]string{"--data", filepath.Join(file, "data")}, "not a directory"},
		{[]string{"--password-file", filepath.Join(dir, "none")}, "no such file"},
		{[]string{"--password-file", empty}, "is empty"},
		{[]string{"--object-store", "ftp://somewhere"}, "want a directory or s3://"},
		{[]string{"--object-store", "s3://Bad!Bucket?endpoint=127.0.0.1:1"}, "Bucket name contains invalid characters"},
		{[]string{"--object-store", "s3://bucket?endpoint=127.0.0.1:1&what=1"}, "unknown parameter"},
		{[]string{"--memory-budget", "much"}, "is no size"},
		{[]string{"--max-connections", "0"}, "want at least 1"},
		{[]string{"--seal-after", "0s"}, "--seal-after 0s: want a duration above 0"},
		{[]string{"--segment-max-size", "5"}, "--segment-max-size 5B: want 1MB to 64GB"},
		{[]string{"--segment-max-size", "65GB"}, "--segment-max-size 65GB: want 1MB to 64GB"},
		{[]string{"--memory-budget", "1kB"}, "--memory-budget 1kB: want at least 16MB"},
		{[]string{"--cache-budget", "0"}, "--cache-budget 0: want at least 1MB"},
		{[]string{"extra"}, "unknown command"},
		{[]string{"--nosuch"}, "unknown flag"},
	} {
		args := append([]string{"--data", data, "--listen", "127.0.0.1:0"}, c.args...)
		if got := refused(t, args...); !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
}

// TestFlagsHaveVariables: each flag of start is a QUIVER_… variable too, which
// the command line overrides.
func TestFlagsHaveVariables(t *testing.T) {
	values := map[string]string{"memory-budget": "7MB", "max-connections": "7", "etcd": "h:7", "gc-retention": "7min", "cache-budget": "7MB", "mmap-budget": "7MB",
		"segment-max-size": "7MB", "seal-after": "7m0s"}
	startCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		value := values[f.Name]
		if value == "" {
			value = "seven"
		}
		t.Setenv("QUIVER_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")), value)
		cmd := startCommand()
		if err := fromEnvironment(cmd); err != nil {
			t.Fatal(err)
		}
		if got := strings.Trim(cmd.Flags().Lookup(f.Name).Value.String(), "[]"); got != value {
			t.Errorf("--%s is %q", f.Name, got)
		}
	})
	t.Setenv("QUIVER_MEMORY_BUDGET", "much")
	bad := startCommand()
	if err := fromEnvironment(bad); err == nil || !strings.Contains(err.Error(), "QUIVER_MEMORY_BUDGET") {
		t.Errorf("a bad variable: %v", err)
	}
}
