package types

// OIDs of the built-in types, as in Postgres' pg_type.dat. vector's lie in the
// range of user objects, as they do where pgvector is installed: clients find
// them by name.
const (
	BoolOID               OID = 16
	ByteaOID              OID = 17
	CharOID               OID = 18 // "char"
	NameOID               OID = 19
	Int8OID               OID = 20
	Int2OID               OID = 21
	Int2VectorOID         OID = 22
	Int4OID               OID = 23
	RegprocOID            OID = 24
	TextOID               OID = 25
	OIDOID                OID = 26
	TIDOID                OID = 27
	XIDOID                OID = 28
	CIDOID                OID = 29
	OIDVectorOID          OID = 30
	JSONOID               OID = 114
	XMLOID                OID = 142
	PgNodeTreeOID         OID = 194
	Float4OID             OID = 700
	Float8OID             OID = 701
	UnknownOID            OID = 705
	ACLItemOID            OID = 1033
	BPCharOID             OID = 1042
	VarcharOID            OID = 1043
	DateOID               OID = 1082
	TimeOID               OID = 1083
	TimestampOID          OID = 1114
	TimestamptzOID        OID = 1184
	IntervalOID           OID = 1186
	TimetzOID             OID = 1266
	NumericOID            OID = 1700
	RegprocedureOID       OID = 2202
	RegoperOID            OID = 2203
	RegoperatorOID        OID = 2204
	RegclassOID           OID = 2205
	RegtypeOID            OID = 2206
	RecordOID             OID = 2249
	CStringOID            OID = 2275
	AnyOID                OID = 2276
	AnyArrayOID           OID = 2277
	VoidOID               OID = 2278
	TriggerOID            OID = 2279
	InternalOID           OID = 2281
	AnyElementOID         OID = 2283
	RecordArrayOID        OID = 2287
	AnyNonArrayOID        OID = 2776
	UUIDOID               OID = 2950
	JSONBOID              OID = 3802
	AnyEnumOID            OID = 3500
	AnyRangeOID           OID = 3831
	RegnamespaceOID       OID = 4089
	RegroleOID            OID = 4096
	AnyCompatibleOID      OID = 5077
	AnyCompatibleArrayOID OID = 5078

	VectorOID      OID = 16385
	VectorArrayOID OID = 16386
)
