package funcs

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

// regex is a compiled regular expression of Postgres.
//
// Matching prefers the longest, as Postgres does, unless a quantifier asks for
// few: then every quantifier goes by its own preference, from left to right.
type regex struct {
	*regexp.Regexp
	groups int
	// contextual: a match may depend on what stands before where the search
	// starts.
	contextual bool
}

// compiled keeps the expressions used last, by flags and pattern.
var compiled = struct {
	sync.Mutex // guards entries
	entries    map[regexKey]*regex
}{entries: map[regexKey]*regex{}}

type regexKey struct {
	pattern string
	flags   regexFlags
}

// compiledMax is the number of expressions kept.
const compiledMax = 256

// compileRegex compiles pattern, or finds it among those used before.
func compileRegex(pattern string, flags regexFlags) (*regex, error) {
	flags.global = false
	key := regexKey{pattern, flags}
	compiled.Lock()
	r := compiled.entries[key]
	compiled.Unlock()
	if r != nil {
		return r, nil
	}
	t := regexTranslator{pattern: pattern, flags: flags}
	if err := t.translate(); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(t.prefix() + t.out.String())
	if err != nil {
		return nil, sqlerr.Wrap(err, sqlerr.InvalidRegularExpression, "invalid regular expression: %s", "regular expression is too complex")
	}
	if !t.lazy {
		re.Longest()
	}
	r = &regex{Regexp: re, groups: re.NumSubexp(), contextual: t.contextual}
	compiled.Lock()
	defer compiled.Unlock()
	if len(compiled.entries) >= compiledMax {
		clear(compiled.entries)
	}
	// The pattern may be a view of an array that is released.
	key.pattern = strings.Clone(pattern)
	compiled.entries[key] = r
	return r, nil
}

// each calls f for the matches in s[from:], each as the byte offsets of the
// match and its groups (-1 for one that took no part), until f says stop. An
// empty match may follow right behind another match, as in Postgres.
func (r *regex) each(s string, from int, f func(m []int) (goOn bool)) {
	if r.contextual {
		for _, m := range r.FindAllStringSubmatchIndex(s, -1) {
			if m[0] >= from && !f(m) {
				return
			}
		}
		return
	}
	for from <= len(s) {
		m := r.FindStringSubmatchIndex(s[from:])
		if m == nil {
			return
		}
		for k := range m {
			if m[k] >= 0 {
				m[k] += from
			}
		}
		if !f(m) {
			return
		}
		if from = m[1]; m[0] == m[1] {
			if from == len(s) {
				return
			}
			_, size := utf8.DecodeRuneInString(s[from:])
			from += size
		}
	}
}

// replace replaces match n (all for 0) of those from byte offset from on.
func (r *regex) replace(s, replacement string, from, n int) string {
	var b strings.Builder
	done, count := 0, 0
	r.each(s, from, func(m []int) bool {
		count++
		if n > 0 && count < n {
			return true
		}
		b.WriteString(s[done:m[0]])
		expand(&b, s, replacement, m)
		done = m[1]
		return n == 0
	})
	if count == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// expand writes a replacement: \& is the match, \1 to \9 its groups.
func expand(b *strings.Builder, s, replacement string, m []int) {
	for i := 0; i < len(replacement); i++ {
		c := replacement[i]
		if c != '\\' || i+1 == len(replacement) {
			b.WriteByte(c)
			continue
		}
		i++
		group := -1
		switch c = replacement[i]; {
		case c == '&':
			group = 0
		case c >= '1' && c <= '9':
			group = int(c - '0')
		case c == '\\':
			b.WriteByte('\\')
			continue
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
			continue
		}
		if 2*group+1 < len(m) && m[2*group] >= 0 {
			b.WriteString(s[m[2*group]:m[2*group+1]])
		}
	}
}

// similarPattern turns a pattern of SIMILAR TO into a regular expression. The
// escape character before a double quote cuts it into the three parts of
// SUBSTRING.
func similarPattern(pattern, escape string) (string, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return "", sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	var b strings.Builder
	b.WriteString("^(?:")
	// The first part of three takes as little as it can.
	many := ".*"
	if escape != "" && strings.Count(pattern, escape+`"`) == 2 {
		many = ".*?"
	}
	escaped, inClass, quotes := false, false, 0
	for _, r := range pattern {
		switch {
		case escaped:
			escaped = false
			if r == '"' && !inClass {
				switch quotes {
				case 0:
					b.WriteString("){1,1}(")
					many = ".*"
				case 1:
					b.WriteString("){1,1}(?:")
				default:
					return "", sqlerr.New(invalidUseOfEscape, "SQL regular expression may not contain more than two escape-double-quote separators")
				}
				quotes++
				continue
			}
			b.WriteByte('\\')
			b.WriteRune(r)
		case escape != "" && string(r) == escape:
			escaped = true
		case inClass:
			if r == '\\' {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
			inClass = r != ']'
		case r == '[':
			b.WriteRune(r)
			inClass = true
		case r == '%':
			b.WriteString(many)
		case r == '_':
			b.WriteByte('.')
		case r == '(':
			b.WriteString("(?:")
		case strings.ContainsRune(`\.^$`, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + ")$", nil
}

// invalidUseOfEscape is invalid_use_of_escape_character.
const invalidUseOfEscape sqlerr.Code = "2200C"
