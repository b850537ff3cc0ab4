//go:build !linux

package vector

// adviseLargePages: pages are as the system has them.
func adviseLargePages([]byte) {}
