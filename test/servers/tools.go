package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// toolPackages are the servers of the module in tools/, by binary name. The
// module is apart so that their dependencies stay out of the product.
var toolPackages = map[string]string{
	"etcd":  "go.etcd.io/etcd/server/v3",
	"minio": "github.com/minio/minio",
}

var toolLock sync.Mutex

// BuildTool builds a server of tools/ into .cache/bin, unless the binary there
// is newer than tools/go.mod, and returns its path.
func BuildTool(name string) (string, error) {
	toolLock.Lock()
	defer toolLock.Unlock()
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, ".cache", "bin", name)
	mod, err := os.Stat(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		return "", err
	}
	if have, err := os.Stat(bin); err == nil && have.ModTime().After(mod.ModTime()) {
		return bin, nil
	}
	cmd := exec.Command("go", "build", "-o", bin, toolPackages[name])
	cmd.Dir = filepath.Join(root, "tools")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %v\n%s", toolPackages[name], err, out)
	}
	return bin, nil
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
