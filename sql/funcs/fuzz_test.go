package funcs

import (
	"math"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// The readers of little languages must not panic, whatever the text.

func FuzzRegex(f *testing.F) {
	for _, s := range []string{`a(b|c)*d`, `[[:alpha:]\d-]+?`, `\m\y{2,3}`, `***=x`, `(?i)x`, `[`, `(`, `a{1`, `\`, `[a-`, `(?#`, `[[.`, `[]`} {
		f.Add(s, "abcabc")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		r, err := compileRegex(pattern, regexFlags{dotAll: true})
		if err != nil {
			return
		}
		count := 0
		r.each(s, 0, func(m []int) bool { count++; return true })
		if r.MatchString(s) != (count > 0) {
			t.Errorf("%q in %q: %d matches", pattern, s, count)
		}
		r.split(s)
		r.replace(s, `<\&\1>`, 0, 0)
		if _, err := similarPattern(pattern, `\`); err != nil {
			return
		}
	})
}

func FuzzLike(f *testing.F) {
	f.Add(`a%b_c\%`, "axxbyc%")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		p := parseLike(pattern, false)
		folded := parseLike(pattern, true)
		yes, err := p.match(s)
		foldedYes, foldedErr := folded.match(s)
		if (err == nil) != (foldedErr == nil) || yes && !foldedYes {
			t.Errorf("%q like %q: %v %v, folded %v %v", s, pattern, yes, err, foldedYes, foldedErr)
		}
	})
}

func FuzzTemplates(f *testing.F) {
	for _, format := range []string{"YYYY-MM-DD HH24:MI:SS.US", "FMDay, FMDDth Month Y,YYY", "999,999.99S", "FMRN", "9.9EEEE", "th", `"x`, "V9", "IYYY-IW-ID", "TZH:TZM", "J", "CC W"} {
		f.Add(format, "2024-02-29 12:34:56.789", 1234.5, int64(1709210096789012))
	}
	f.Fuzz(func(t *testing.T, format, text string, number float64, micros int64) {
		formatFloat(number, 15, format)
		if !math.IsNaN(number) && !math.IsInf(number, 0) {
			formatNumeric(types.NewNumeric(int64(max(-1e18, min(1e18, number))), 3), format)
		}
		if isInfinite(arrow.Timestamp(micros)) {
			return
		}
		m := momentOf(arrow.Timestamp(micros))
		formatMoment(m, format)
		m.interval = true
		formatMoment(m, format)
		toNumber(text, format)
		c := &types.EvalContext{Format: types.DefaultFormat()}
		scanDate(c, text, format)
	})
}

func FuzzText(f *testing.F) {
	f.Add("héllo", "l", int32(2), int32(-1))
	f.Fuzz(func(t *testing.T, s, part string, n, m int32) {
		_, _ = left(s, n), right(s, n)
		substring(s, n, m)
		overlay(s, part, n, m)
		splitPart(s, part, n)
		strpos(s, part)
		translate(s, part, s)
		if reverse(reverse(s)) != s {
			t.Errorf("reversed twice, %q is %q", s, reverse(reverse(s)))
		}
		if n < 1000 {
			pad(s, n, part, true)
			repeat(s, n)
		}
		decodeHex(s)
		decodeBase64(s)
		decodeEscape(s)
		sizeBytes(s)
		likeEscape(s, part)
	})
}
