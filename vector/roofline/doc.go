// Package roofline measures what kernels are compared with: how fast one core of
// this machine reads, and how fast it does a kernel's arithmetic. Benchmarks alone
// use it.
//
// The roofline of a kernel is the lower of two rates, both in bytes of rows a
// second, measured beside the kernel in the same run (Measure):
//
//   - Result.Bandwidth: a loop that loads the same bytes from where they lie and does
//     nothing with them. There are two, one that asks for lines ahead of time and
//     one that does not; the faster counts. For kernels that score rows named by their
//     numbers (MeasureRows) the loop goes by the same numbers, call by call: no stream
//     of bytes is as slow as rows that lie anywhere, and at the begin and end of a call
//     memory has less to do.
//   - Result.Arithmetic: a loop of the instructions that the kernel's mathematics
//     needs for a register of a row, on registers alone, but for elements that are
//     widened as they are loaded, which lie in one cache line: no rows are loaded, none
//     ends, no sums are added up across lanes. So it goes as fast as the machine's
//     ports take these instructions. Elements that are looked up lie in a table of a
//     vocabulary's size, as frequent as words are. Where there is more than one way to
//     compute (bits are counted by shuffles, by POPCNT, or by both at once; elements
//     are looked up by gathers or one by one), the fastest counts.
//
// All are timed by what the thread has of a processor, where the system says so
// (Linux), and in turns: a busy machine makes them slower alike.
//
// Loops are as wide as the registers of the kernel: AVX2, or AVX-512 with VNNI and
// VPOPCNTDQ. Other machines have no loops of arithmetic, and memory alone is the
// roofline there.
package roofline

//go:generate go run -C ../../tools ./asmgen/roofline -out ../vector/roofline/loops_amd64.s -stubs ../vector/roofline/loops_stub_amd64.go -pkg roofline
