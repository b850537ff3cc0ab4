// Package types is the type registry: one *Type per SQL data type, with its
// OID, typmod rules, Arrow type, text and binary forms, order and casts. The
// relations pg_type and pg_cast are views of it.
//
// A value never stands alone: it is row i of an Arrow array. A constant is an
// array of length one. So each operation exists once, over arrays, and the
// wire encodes straight from Arrow buffers.
//
// Which Arrow type holds which SQL type (storage type; Go extension arrays are
// not used, the SQL type travels in the plan and in descriptors):
//
//	bool                      Boolean
//	int2 int4 int8            Int16 Int32 Int64
//	float4 float8             Float32 Float64
//	oid, reg…, xid            Uint32
//	text varchar char name "char" unknown json jsonb xml    String
//	bytea                     Binary
//	uuid                      FixedSizeBinary(16)
//	date                      Date32: days since 1970-01-01, ±infinity = extreme int32
//	time                      Time64(us)
//	timestamp timestamptz     Timestamp(us), no zone in the Arrow type; since 1970-01-01, ±infinity = extreme int64
//	interval                  FixedSizeBinary(16): months int32, days int32, microseconds int64, little endian
//	timetz                    FixedSizeBinary(12): microseconds int64, zone seconds west int32, little endian
//	numeric                   Binary: a scale per value, see Numeric
//	numeric(p≤38,s), stored   Decimal128(p,s), converted at the storage boundary (NaN = -2^127)
//	vector(n)                 FixedSizeList<Float32>[n]; vector without n: List<Float32>;
//	                          a relabelled vector(n) keeps its layout, so take both (VectorAt)
//	halfvec(n), halfvec       as vector, over Float16 (HalfvecAt)
//	sparsevec                 Binary: dimensions, number of elements, indices, values, see Sparsevec
//	bit, bit varying          Binary: the bits and a byte, see Bits
//	bit(n), stored            FixedSizeBinary((n+7)/8), converted at the storage boundary
//	T[]                       Struct<elements: List<T>, shape: Binary>; shape null: one dimension from 1
//	record, composite         Struct
//	void                      Null
//
// How values look is PostgreSQL 15's and pgvector's word for word: the files in
// testdata hold their answers, and go test -rewrite with QUIVER_ORACLE set to a
// connection string asks again.
//
// Start reading at Type, then registry.go. types is a leaf: it may import
// sql/sqlerr and nothing else of Quiver.
package types
