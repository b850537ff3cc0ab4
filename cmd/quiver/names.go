package main

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// parseTable reads a table's name as SQL spells it: [schema.]name, what is not in
// double quotes folded to lower case.
func parseTable(text string) (pgx.Identifier, error) {
	name, rest, err := cutName(text)
	if err == nil && rest != "" {
		return nil, badName(text)
	}
	return name, err
}

// cutName reads the name at the start of text and returns what follows it.
func cutName(text string) (name pgx.Identifier, rest string, err error) {
	for rest = text; ; rest = rest[1:] {
		part := ""
		if strings.HasPrefix(rest, `"`) {
			part, rest = cutQuoted(rest)
		} else {
			part, rest = cutWord(rest)
		}
		if part == "" {
			return nil, "", badName(text)
		}
		if name = append(name, part); !strings.HasPrefix(rest, ".") {
			return name, rest, nil
		}
	}
}

// cutQuoted reads an identifier in double quotes; "" if they do not end.
func cutQuoted(text string) (part, rest string) {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
		case strings.HasPrefix(text[i+1:], `"`):
			i++ // a quote of the name
		default:
			return strings.ReplaceAll(text[1:i], `""`, `"`), text[i+1:]
		}
	}
	return "", ""
}

// cutWord reads an identifier without quotes; "" if there is none.
func cutWord(text string) (part, rest string) {
	end := 0
	for end < len(text) && wordByte(text[end], end == 0) {
		end++
	}
	fold := func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	return strings.Map(fold, text[:end]), text[end:]
}

func wordByte(c byte, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c >= 0x80:
		return true
	}
	return !first && (c >= '0' && c <= '9' || c == '$')
}

func badName(text string) error {
	return fmt.Errorf(`%s is no name of a table; write it as in SQL, other characters than letters, digits, _ and $ in double quotes: my_table, "my-table", "My schema"."t.1"`, text)
}
