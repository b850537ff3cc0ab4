package parse

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v5"
)

// token is one token of the grammar's own scanner, comments left out.
type token struct {
	kind       pgquery.Token
	keyword    bool
	start, end int
}

// tokens scans the whole text once. It is called for the few statements whose
// source text is looked at, after the grammar has accepted it, or (frontend)
// before; text that cannot be scanned has no tokens.
func (s *source) tokens() []token {
	if s.scanned != nil || s.text == "" {
		return s.scanned
	}
	result, err := pgquery.Scan(s.text)
	if err != nil {
		return nil
	}
	for _, t := range result.Tokens {
		if t.Token == pgquery.Token_SQL_COMMENT || t.Token == pgquery.Token_C_COMMENT {
			continue
		}
		s.scanned = append(s.scanned, token{t.Token, t.KeywordKind != pgquery.KeywordKind_NO_KEYWORD, int(t.Start), int(t.End)})
	}
	return s.scanned
}

// tokensIn returns the tokens that lie within text[start:end].
func (s *source) tokensIn(start, end int) []token {
	var in []token
	for _, t := range s.tokens() {
		if t.start >= start && t.end <= end {
			in = append(in, t)
		}
	}
	return in
}

const (
	tokenOpen  = pgquery.Token_ASCII_40
	tokenClose = pgquery.Token_ASCII_41
	tokenComma = pgquery.Token_ASCII_44
	tokenDot   = pgquery.Token_ASCII_46
	tokenSemi  = pgquery.Token_ASCII_59
	tokenEqual = pgquery.Token_ASCII_61
)

// textOf returns the source text of a run of tokens.
func (s *source) textOf(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	return s.text[tokens[0].start:tokens[len(tokens)-1].end]
}

// depthChange is what a token does to the nesting of brackets.
func depthChange(k pgquery.Token) int {
	switch k {
	case tokenOpen, pgquery.Token_ASCII_91:
		return 1
	case tokenClose, pgquery.Token_ASCII_93:
		return -1
	}
	return 0
}

// splitAtCommas splits tokens at the commas outside of any bracket.
func splitAtCommas(tokens []token) [][]token {
	var parts [][]token
	depth, from := 0, 0
	for i, t := range tokens {
		depth += depthChange(t.kind)
		if depth == 0 && t.kind == tokenComma {
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[from:])
}

// inParentheses returns the tokens between the first ( of tokens and its ).
func inParentheses(tokens []token) []token {
	depth, from := 0, -1
	for i, t := range tokens {
		switch t.kind {
		case tokenOpen:
			if depth++; depth == 1 {
				from = i + 1
			}
		case tokenClose:
			if depth--; depth == 0 && from >= 0 {
				return tokens[from:i]
			}
		}
	}
	return nil
}

// untilUnbalanced returns tokens up to the first comma or closing bracket that
// belongs to an enclosing list.
func untilUnbalanced(tokens []token) []token {
	depth := 0
	for i, t := range tokens {
		depth += depthChange(t.kind)
		if depth < 0 || depth == 0 && (t.kind == tokenComma || t.kind == tokenSemi) {
			return tokens[:i]
		}
	}
	return tokens
}

// after returns the tokens that follow the first one of a kind outside of any
// bracket, and nil when there is none.
func after(tokens []token, kind pgquery.Token) []token {
	depth := 0
	for i, t := range tokens {
		depth += depthChange(t.kind)
		if depth == 0 && t.kind == kind {
			return tokens[i+1:]
		}
	}
	return nil
}

// name reads an identifier token as the grammar folds it.
func (s *source) name(t token) string {
	text := s.text[t.start:t.end]
	if strings.HasPrefix(text, `"`) {
		return strings.ReplaceAll(text[1:len(text)-1], `""`, `"`)
	}
	return foldASCII(text)
}

func foldASCII(text string) string {
	for i := 0; i < len(text); i++ {
		if text[i] >= 'A' && text[i] <= 'Z' {
			b := []byte(text)
			for j := range b {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return text
}
