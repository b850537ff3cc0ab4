//go:build !amd64

package roofline

var reads = []func([]byte){readWords}

var rowReads = []func([]byte, []uint32, int, int){readRowsWords}

var ways [mixes][]way
