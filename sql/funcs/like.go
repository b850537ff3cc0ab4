package funcs

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernels("textlike(text,text) like(text,text) namelike(name,text) like(name,text)", likeKernel(false, false))
	kernels("textnlike(text,text) notlike(text,text) namenlike(name,text) notlike(name,text)", likeKernel(false, true))
	kernels("texticlike(text,text) nameiclike(name,text)", likeKernel(true, false))
	kernels("texticnlike(text,text) nameicnlike(name,text)", likeKernel(true, true))
	kernel("bpcharlike(bpchar,text)", likeKernel(false, false))
	kernel("bpcharnlike(bpchar,text)", likeKernel(false, true))
	kernel("bpchariclike(bpchar,text)", likeKernel(true, false))
	kernel("bpcharicnlike(bpchar,text)", likeKernel(true, true))
	kernel("like_escape(text,text)", Lift2E(likeEscape))
}

// likeKernel matches LIKE, or ILIKE when fold is set. A constant pattern is
// read once.
func likeKernel(fold, negate bool) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[string](args[0]), open[string](args[1])
		var pattern likePattern
		if args[1].Const && !args[1].IsNull(0) {
			pattern = parseLike(b.get(0), fold)
		}
		return fill(c, args, n, func(i int) (bool, error) {
			if !args[1].Const {
				pattern = parseLike(b.get(i), fold)
			}
			matched, err := pattern.match(a.get(i))
			return matched != negate, err
		})
	}
}

// likePattern is a pattern cut at its % into runs; in a run, any stands for _.
type likePattern struct {
	fold bool
	runs [][]rune
	// literal holds the runs as strings where they have no _ and case counts.
	literal []string
	// dangling: an escape ends the pattern, which is an error once it is
	// reached.
	dangling bool
}

// any stands for _ in a run: it is no character.
const anyRune rune = -1

func parseLike(pattern string, fold bool) likePattern {
	p := likePattern{fold: fold}
	run := []rune{}
	plain := true
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRuneInString(pattern[i:])
		i += size
		switch r {
		case '%':
			p.runs = append(p.runs, run)
			run = []rune{}
			continue
		case '_':
			r, plain = anyRune, false
		case '\\':
			if i == len(pattern) {
				p.dangling = true
				continue
			}
			r, size = utf8.DecodeRuneInString(pattern[i:])
			i += size
		}
		if fold {
			r = foldRune(r)
		}
		run = append(run, r)
	}
	p.runs = append(p.runs, run)
	if plain && !fold {
		for _, r := range p.runs {
			p.literal = append(p.literal, string(r))
		}
	}
	return p
}

func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

func (p *likePattern) match(s string) (bool, error) {
	if p.dangling {
		if n, ok := p.prefix(s, p.runs[0]); len(p.runs) == 1 && (!ok || n == len(s)) {
			return false, nil // it ends before the escape character
		}
		return false, sqlerr.New(sqlerr.InvalidEscapeSequence, "LIKE pattern must not end with escape character")
	}
	if p.literal != nil {
		return matchLiteral(p.literal, s), nil
	}
	first, last := p.runs[0], p.runs[len(p.runs)-1]
	n, ok := p.prefix(s, first)
	if !ok {
		return false, nil
	}
	if len(p.runs) == 1 {
		return n == len(s), nil
	}
	s = s[n:]
	for _, run := range p.runs[1 : len(p.runs)-1] {
		for {
			if n, ok := p.prefix(s, run); ok {
				s = s[n:]
				break
			}
			if s == "" {
				return false, nil
			}
			_, size := utf8.DecodeRuneInString(s)
			s = s[size:]
		}
	}
	// The last run must end the string.
	chars := utf8.RuneCountInString(s)
	if chars < len(last) {
		return false, nil
	}
	for ; chars > len(last); chars-- {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	_, ok = p.prefix(s, last)
	return ok, nil
}

// prefix says whether s begins with run, and how many bytes that takes.
func (p *likePattern) prefix(s string, run []rune) (n int, ok bool) {
	for _, want := range run {
		if n == len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if p.fold {
			r = foldRune(r)
		}
		if want != anyRune && r != want {
			return 0, false
		}
		n += size
	}
	return n, true
}

// matchLiteral matches a pattern of % alone.
func matchLiteral(runs []string, s string) bool {
	if len(runs) == 1 {
		return s == runs[0]
	}
	if !strings.HasPrefix(s, runs[0]) {
		return false
	}
	s = s[len(runs[0]):]
	for _, run := range runs[1 : len(runs)-1] {
		k := strings.Index(s, run)
		if k < 0 {
			return false
		}
		s = s[k+len(run):]
	}
	return strings.HasSuffix(s, runs[len(runs)-1])
}

// likeEscape rewrites a pattern with another escape character (or none) to one
// with the backslash: LIKE … ESCAPE.
func likeEscape(pattern, escape string) (string, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return "", sqlerr.New(sqlerr.InvalidEscapeSequence, "invalid escape string").
			WithHint("Escape string must be empty or one character.")
	}
	if escape == `\` {
		return pattern, nil
	}
	var b strings.Builder
	escaped := false
	for i, r := range pattern {
		_, size := utf8.DecodeRuneInString(pattern[i:])
		char := pattern[i : i+size]
		switch {
		case char == escape && !escaped:
			b.WriteByte('\\')
			escaped = true
			continue
		case r == '\\' && !escaped:
			b.WriteString(`\\`)
		default:
			b.WriteString(char)
		}
		escaped = false
	}
	return b.String(), nil
}
