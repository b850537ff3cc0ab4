package funcs

// textSearch are PostgreSQL's functions of full text search, which there is not
// yet: whoever calls one is told so.
var textSearch = map[string]bool{
	"to_tsvector": true, "to_tsquery": true, "plainto_tsquery": true, "phraseto_tsquery": true, "websearch_to_tsquery": true,
	"ts_rank": true, "ts_rank_cd": true, "ts_headline": true, "ts_rewrite": true, "ts_delete": true, "ts_filter": true,
	"json_to_tsvector": true, "jsonb_to_tsvector": true, "array_to_tsvector": true, "tsvector_to_array": true,
	"setweight": true, "tsquery_phrase": true, "get_current_ts_config": true,
}
