package types

// OIDs of the built-in types, as in Postgres' pg_type.dat. Those of pgvector lie
// in the range of user objects, as they do where it is installed: clients find
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
	BitOID                OID = 1560
	VarbitOID             OID = 1562
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

	VectorOID         OID = 16385
	VectorArrayOID    OID = 16386
	HalfvecOID        OID = 16387
	HalfvecArrayOID   OID = 16388
	SparsevecOID      OID = 16389
	SparsevecArrayOID OID = 16390
)

// OIDs of the remaining types that clients and catalogs name.
const (
	RegcollationOID            OID = 4191
	XID8OID                    OID = 5069
	AnyMultirangeOID           OID = 4537
	AnyCompatibleNonArrayOID   OID = 5079
	AnyCompatibleRangeOID      OID = 5080
	AnyCompatibleMultirangeOID OID = 4538
	EventTriggerOID            OID = 3838
	LanguageHandlerOID         OID = 2280
	FDWHandlerOID              OID = 3115
	IndexAMHandlerOID          OID = 325
	TableAMHandlerOID          OID = 269
)

// OIDs of the array types, in the order of their element types above.
const (
	BoolArrayOID         OID = 1000
	ByteaArrayOID        OID = 1001
	CharArrayOID         OID = 1002
	NameArrayOID         OID = 1003
	Int8ArrayOID         OID = 1016
	Int2ArrayOID         OID = 1005
	Int2VectorArrayOID   OID = 1006
	Int4ArrayOID         OID = 1007
	RegprocArrayOID      OID = 1008
	TextArrayOID         OID = 1009
	OIDArrayOID          OID = 1028
	TIDArrayOID          OID = 1010
	XIDArrayOID          OID = 1011
	CIDArrayOID          OID = 1012
	OIDVectorArrayOID    OID = 1013
	JSONArrayOID         OID = 199
	XMLArrayOID          OID = 143
	Float4ArrayOID       OID = 1021
	Float8ArrayOID       OID = 1022
	ACLItemArrayOID      OID = 1034
	BPCharArrayOID       OID = 1014
	VarcharArrayOID      OID = 1015
	DateArrayOID         OID = 1182
	TimeArrayOID         OID = 1183
	TimestampArrayOID    OID = 1115
	TimestamptzArrayOID  OID = 1185
	IntervalArrayOID     OID = 1187
	TimetzArrayOID       OID = 1270
	BitArrayOID          OID = 1561
	VarbitArrayOID       OID = 1563
	NumericArrayOID      OID = 1231
	CStringArrayOID      OID = 1263
	RegprocedureArrayOID OID = 2207
	RegoperArrayOID      OID = 2208
	RegoperatorArrayOID  OID = 2209
	RegclassArrayOID     OID = 2210
	RegtypeArrayOID      OID = 2211
	UUIDArrayOID         OID = 2951
	JSONBArrayOID        OID = 3807
	RegnamespaceArrayOID OID = 4090
	RegroleArrayOID      OID = 4097
	RegcollationArrayOID OID = 4192
	XID8ArrayOID         OID = 271
)
