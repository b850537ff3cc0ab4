//go:build !linux

package roofline

// seconds is the time that has gone by.
func seconds() float64 { return elapsed() }
