package parse

import (
	"regexp"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v5"
)

// The lexer of the grammar reads FORMAT before JSON as the beginning of SQL/JSON's
// FORMAT JSON, so that COPY … (FORMAT json) would be a syntax error. The grammar
// gets another word of the same length in its place.

// jsonStandIn stands for json; nobody writes it.
const jsonStandIn = "js\u00f8"

var mayBeCopyJSON = regexp.MustCompile(`(?is)\bcopy\b.*\bformat\b.*\bjson\b`)

// maskCopyJSON replaces json after FORMAT in the statements that begin with COPY.
func maskCopyJSON(text string) string {
	if !mayBeCopyJSON.MatchString(text) {
		return text
	}
	scan, err := pgquery.Scan(text)
	if err != nil {
		return text
	}
	masked := []byte(text)
	inCopy, begin := false, true
	before := ""
	for _, t := range scan.Tokens {
		word := strings.ToLower(text[t.Start:t.End])
		switch {
		case t.Token == pgquery.Token_SQL_COMMENT || t.Token == pgquery.Token_C_COMMENT:
			continue
		case begin:
			inCopy = word == "copy"
		case inCopy && word == "json" && before == "format":
			copy(masked[t.Start:], jsonStandIn)
		}
		begin, before = word == ";", word
	}
	return string(masked)
}
