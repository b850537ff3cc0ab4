// Package roofline measures what kernels are compared with: how fast this
// machine reads memory, and how fast it multiplies and adds, one core of it. A
// kernel can take no less time than its bytes and its arithmetic do. Benchmarks
// alone use it.
package roofline

//go:generate go run -C ../../tools ./asmgen/roofline -out ../vector/roofline/loops_amd64.s -stubs ../vector/roofline/loops_stub_amd64.go -pkg roofline
