// Command build builds the servers that tests start (etcd, MinIO) into
// .cache/bin, so that the time it takes is not a test's: `make servers`.
package main

import (
	"fmt"
	"os"

	"quiver/test/servers"
)

func main() {
	if err := servers.BuildTools(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
