//go:build !linux

package jobs

import "time"

// Threads have no priority of their own.

func currentThread() int        { return 0 }
func threadUsed() time.Duration { return 0 }
func goBehind()                 {}
