//go:build !amd64

package roofline

// operations of one turn of multiplyAdd.
const operations = 12 * 8 * 2

func read(b []byte) { readWords(b) }

func multiplyAdd(n int) { multiplyAddSlow(n) }
