package dataset

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// NPM installs a package in the cache, if it is not there, and returns its
// directory. Its install scripts do not run.
func NPM(cache, name, version string) (string, error) {
	prefix := filepath.Join(cache, "npm")
	dir := filepath.Join(prefix, "node_modules", name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("npm", "install", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund", "--silent", name+"@"+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install %s: %v\n%s", name, err, out)
	}
	return dir, nil
}
