package catalog

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// copyDir copies a directory of regular files.
func copyDir(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
