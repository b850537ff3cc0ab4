//go:build !linux

package vfs

// WillNeed does nothing: pages come when they are touched.
func WillNeed([]byte) {}
