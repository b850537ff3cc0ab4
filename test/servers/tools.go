package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// toolPackages are the servers of the module in tools/, by binary name. The
// module is apart so that their dependencies stay out of the product.
var toolPackages = map[string]string{
	"etcd":  "go.etcd.io/etcd/server/v3",
	"minio": "github.com/minio/minio",
}

// BuildTool builds a server of tools/ into .cache/bin, unless the binary there
// is newer than tools/go.mod, and returns its path. The packages of one go test
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
	mod, err := os.Stat(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		return "", err
	}
	if have, err := os.Stat(bin); err == nil && have.ModTime().After(mod.ModTime()) {
		return bin, nil
	}
	cmd := exec.Command("go", "build", "-o", bin+".new", toolPackages[name])
	cmd.Dir = filepath.Join(root, "tools")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %v\n%s", toolPackages[name], err, out)
	}
	return bin, os.Rename(bin+".new", bin)
}

// BuildTools builds every server of tools/.
func BuildTools() error {
	for _, name := range []string{"etcd", "minio"} {
		if _, err := BuildTool(name); err != nil {
			return err
		}
	}
	return nil
}
