//go:build !amd64

package roofline

var reads = []func([]byte){readWords}

var ways [mixes][]way
