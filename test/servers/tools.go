package servers

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// tools are servers, by binary name, with the directory of the module that names
// them and their package. The modules are apart so that dependencies of servers
// stay out of the product, and those of one server out of another.
var tools = map[string]struct{ module, pkg string }{
	"etcd":      {"tools", "go.etcd.io/etcd/server/v3"},
	"minio":     {"tools", "github.com/minio/minio"},
	"versitygw": {"tools/versitygw", "github.com/versity/versitygw/cmd/versitygw"},
}

// BuildTool builds a server into .cache/bin, unless the binary there is newer than
// the go.mod of its module, and returns its path. The packages of one go test
// are processes of their own: a lock file lets one of them build.
func BuildTool(name string) (string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".cache", "bin", name)
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(bin+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // gives the lock back
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	mod, err := os.Stat(filepath.Join(root, filepath.FromSlash(tools[name].module), "go.mod"))
	if err != nil {
		return "", err
	}
	if have, err := os.Stat(bin); err == nil && have.ModTime().After(mod.ModTime()) {
		return bin, nil
	}
	cmd := exec.Command("go", "build", "-o", bin+".new", tools[name].pkg)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(tools[name].module))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %v\n%s", tools[name].pkg, err, out)
	}
	return bin, os.Rename(bin+".new", bin)
}

// BuildTools builds every server.
func BuildTools() error {
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		if _, err := BuildTool(name); err != nil {
			return err
		}
	}
	return nil
}
