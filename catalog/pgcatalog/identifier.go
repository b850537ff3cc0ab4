package pgcatalog

import (
	"strings"
	"sync"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// keywords are the words that quote_ident quotes: all but the unreserved.
var keywords = sync.OnceValue(loadKeywords)

func loadKeywords() map[string]bool {
	words := map[string]bool{}
	eachFact("keywords.txt", func(line string) {
		f := strings.Split(line, "|")
		words[f[0]] = f[1] != "U"
	})
	return words
}

// quoteIdent is quote_ident: the name as it must be written in SQL.
func quoteIdent(name string) string {
	plain := name != "" && !keywords()[name]
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c == '_'
		plain = plain && (letter || i > 0 && c >= '0' && c <= '9')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// qualified is the name with its schema.
func qualified(schema, name string) string { return quoteIdent(schema) + "." + quoteIdent(name) }

// splitName reads a qualified name as the reg… types do: parts by dots, folded
// to lower case unless quoted.
func splitName(s string) ([]string, error) {
	var parts []string
	rest := strings.TrimSpace(s)
	for {
		part, tail, ok := cutIdent(rest)
		if !ok {
			return nil, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
		}
		parts = append(parts, part)
		tail = strings.TrimSpace(tail)
		if tail == "" {
			return parts, nil
		}
		if tail[0] != '.' {
			return nil, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
		}
		rest = strings.TrimSpace(tail[1:])
	}
}

// cutIdent takes one identifier off s.
func cutIdent(s string) (name, rest string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		return cutQuoted(s[1:])
	}
	end := strings.IndexAny(s, ". \t\n\r,")
	if end < 0 {
		end = len(s)
	}
	return strings.ToLower(s[:end]), s[end:], end > 0
}

func cutQuoted(s string) (name, rest string, ok bool) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", "", false
		}
		b.WriteString(s[:i])
		if !strings.HasPrefix(s[i+1:], `"`) {
			return b.String(), s[i+1:], b.Len() > 0
		}
		b.WriteByte('"')
		s = s[i+2:]
	}
}

// searchPathOf reads the setting search_path of a session: the names in it,
// with "$user" replaced, pg_catalog first unless it is named.
func searchPathOf(s types.Session) []string {
	path, named := namedPath(s)
	if !named {
		path = append([]string{"pg_catalog"}, path...)
	}
	return path
}

// namedPath is the search path as it was set, and whether it names pg_catalog.
func namedPath(s types.Session) (path []string, named bool) {
	setting, user := `"$user", public`, "postgres"
	if s != nil {
		user = s.CurrentUser()
		if v, ok := s.Setting("search_path"); ok {
			setting = v
		}
	}
	for rest := strings.TrimSpace(setting); rest != ""; {
		name, tail, ok := cutIdent(rest)
		if !ok {
			break
		}
		if name == "$user" {
			name = user
		}
		named = named || name == "pg_catalog"
		path = append(path, name)
		rest = strings.TrimLeft(tail, ", \t\n\r")
	}
	return path, named
}
