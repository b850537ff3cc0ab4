package cores

import (
	"os"
	"runtime"
)

// count is GOMAXPROCS as Go found it at the start: the processors of the machine,
// or of the container.
var count = runtime.GOMAXPROCS(0)

// Count is how many processors the process may use at once.
func Count() int { return count }

// perCore is how many goroutines run at once for each processor.
const perCore = 4

// Spread has goroutines run on several threads for each processor. It does nothing
// where GOMAXPROCS was set.
func Spread() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(perCore * count)
	}
}
