package main

import (
	"io"
	"strings"
	"testing"
)

// TestUnknownCommands: a word that names no command is an error, in every group.
func TestUnknownCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // "" is success
	}{
		{[]string{"frob"}, `unknown command "frob" for "quiver"`},
		{[]string{"backup", "frob"}, `unknown command "frob" for "quiver backup"`},
		{[]string{"backup", "--quiet", "frob"}, `unknown command "frob" for "quiver backup"`},
		{[]string{"completion", "frob"}, `unknown command "frob" for "quiver completion"`},
		{[]string{"inspect", "frob"}, "open frob: no such file"},
		{[]string{"check", "frob"}, `unknown command "frob" for "quiver check"`},
		{[]string{"backup"}, ""},
	} {
		root := rootCommand()
		root.SetArgs(c.args)
		root.SetOut(io.Discard)
		root.SetErr(io.Discard)
		err := root.ExecuteContext(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("quiver %v: %v, want %q", c.args, err, c.want)
		}
	}
}
