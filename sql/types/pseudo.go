package types

import "github.com/apache/arrow/go/v15/arrow"

func registerPseudoTypes() {
	pseudo(VoidOID, "void", 4, true, 'i', 'p')
	pseudo(TriggerOID, "trigger", 4, true, 'i', 'p')
	pseudo(EventTriggerOID, "event_trigger", 4, true, 'i', 'p')
	pseudo(InternalOID, "internal", 8, true, 'd', 'p')
	pseudo(LanguageHandlerOID, "language_handler", 4, true, 'i', 'p')
	pseudo(FDWHandlerOID, "fdw_handler", 4, true, 'i', 'p')
	pseudo(IndexAMHandlerOID, "index_am_handler", 4, true, 'i', 'p')
	pseudo(TableAMHandlerOID, "table_am_handler", 4, true, 'i', 'p')
	pseudo(AnyOID, "any", 4, true, 'i', 'p')
	pseudo(AnyElementOID, "anyelement", 4, true, 'i', 'p')
	pseudo(AnyArrayOID, "anyarray", -1, false, 'd', 'x')
	pseudo(AnyNonArrayOID, "anynonarray", 4, true, 'i', 'p')
	pseudo(AnyEnumOID, "anyenum", 4, true, 'i', 'p')
	pseudo(AnyRangeOID, "anyrange", -1, false, 'd', 'x')
	pseudo(AnyMultirangeOID, "anymultirange", -1, false, 'd', 'x')
	pseudo(AnyCompatibleOID, "anycompatible", 4, true, 'i', 'p')
	pseudo(AnyCompatibleArrayOID, "anycompatiblearray", -1, false, 'd', 'x')
	pseudo(AnyCompatibleNonArrayOID, "anycompatiblenonarray", 4, true, 'i', 'p')
	pseudo(AnyCompatibleRangeOID, "anycompatiblerange", -1, false, 'd', 'x')
	pseudo(AnyCompatibleMultirangeOID, "anycompatiblemultirange", -1, false, 'd', 'x')
	// A void result is sent as an empty string.
	void := ByOID(VoidOID)
	void.AppendText = appendNothingText
	void.AppendBinary = appendNothing
}

func appendNothingText(dst []byte, _ arrow.Array, _ int, _ *Format) []byte { return dst }

func appendNothing(dst []byte, _ arrow.Array, _ int) []byte { return dst }
