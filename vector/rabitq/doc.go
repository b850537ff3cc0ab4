// Package rabitq keeps vectors as codes of 1 to 8 bits a dimension, from which
// distances to a query are estimated without bias and with a known error: RaBitQ
// (Gao and Long, SIGMOD 2024) and its extension to several bits (SIGMOD 2025).
//
// A vector x is seen from a centre c. The residual is rotated at random, so that
// no direction is special: o = P(x-c). Its code u has an integer of B bits for
// each dimension, standing for the direction y = u - (2^B-1)/2, in which the
// top bits are the signs of o. For a query q seen from the same centre,
// q' = P(q-c), the estimate of ⟨o,q'⟩ is ⟨y,q'⟩·|o|²/⟨y,o⟩. Over the choice of the
// rotation it is unbiased, and its standard error is
//
//	|o||q'|·√(1-κ²)/κ / √(D-1),  κ = ⟨y,o⟩/|y||o|
//
// From it follow, with Factors stored beside the code, the squared Euclidean
// distance, the negative inner product and the cosine distance, which are called
// scores here: estimate = Add + (a term of the query) + Rescale·⟨y,q'⟩. A bound
// is the estimate minus Epsilon standard errors: with the default the true score
// of about one vector in 100 lies below it.
//
// The query is rounded to 16-bit integers, so that ⟨u,q'⟩ is an integer and the
// same on every machine, whichever kernel ran.
//
// Codes have two layouts:
//
//   - records, one after the other or gathered by ordinal: Factors, then the
//     code (Encoder.Record, Query.ScoreGathered, Query.ScoreRows);
//   - blocks of 32 (block.go) of the sign bits alone, 16 bytes for 4 dimensions,
//     scored together by look-ups in tables that fit a register (Query.ScoreBlock).
//     Their sums are rounded to 8 bits a table.
//
// A Codec does not change and serves any number of goroutines; an Encoder and a
// Query belong to one.
//
// The assembly is generated: go generate ./vector/rabitq runs
// tools/asmgen/rabitq, in the module of tools.
//
// Start reading at Codec, then Encoder.Encode, then Query.
package rabitq

//go:generate go run -C ../../tools ./asmgen/rabitq -out ../vector/rabitq/kernel_amd64.s -stubs ../vector/rabitq/kernel_stub_amd64.go -pkg rabitq
