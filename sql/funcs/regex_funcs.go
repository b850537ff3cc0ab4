package funcs

import (
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	for _, left := range []string{"text", "name", "bpchar"} {
		args := "(" + left + ",text)"
		kernel(left+"regexeq"+args, matchKernel(false, false))
		kernel(left+"regexne"+args, matchKernel(false, true))
		kernel(left+"icregexeq"+args, matchKernel(true, false))
		kernel(left+"icregexne"+args, matchKernel(true, true))
	}
	kernel("substring(text,text)", regexKernel(nil, func(r *regex, s string, _ *regexArgs) (string, error) {
		m := r.FindStringSubmatchIndex(s)
		if m == nil {
			return "", null
		}
		if r.groups > 0 {
			m = m[2:]
		}
		if m[0] < 0 {
			return "", null
		}
		return s[m[0]:m[1]], nil
	}))
	kernel("substring(text,text,text)", Lift3E(func(s, pattern, escape string) (string, error) {
		expression, err := similarPattern(pattern, escape)
		if err != nil {
			return "", err
		}
		r, err := compileRegex(expression, regexFlags{dotAll: true})
		if err != nil {
			return "", err
		}
		m := r.FindStringSubmatchIndex(s)
		if m == nil || r.groups > 0 && m[2] < 0 {
			return "", null
		}
		if r.groups > 0 {
			m = m[2:]
		}
		return s[m[0]:m[1]], nil
	}))
	kernel("similar_to_escape(text)", Lift1E(func(pattern string) (string, error) { return similarPattern(pattern, `\`) }))
	kernel("similar_to_escape(text,text)", Lift2E(similarPattern))

	replaceFirst := regexKernel([]string{"replacement", "flags"}, func(r *regex, s string, a *regexArgs) (string, error) {
		n := 1
		if a.flags.global {
			n = 0
		}
		return r.replace(s, a.text("replacement"), 0, n), nil
	})
	kernels("regexp_replace(text,text,text) regexp_replace(text,text,text,text)", replaceFirst)
	replaceAt := regexKernel([]string{"replacement", "start", "N", "flags"}, func(r *regex, s string, a *regexArgs) (string, error) {
		from, err := a.start(s)
		if err != nil {
			return "", err
		}
		n := 1
		if a.flags.global {
			n = 0
		}
		if a.has("N") {
			if n = int(a.number("N")); n < 0 {
				return "", a.errParameter("n", n)
			}
		}
		return r.replace(s, a.text("replacement"), from, n), nil
	})
	kernels("regexp_replace(text,text,text,int4) regexp_replace(text,text,text,int4,int4) regexp_replace(text,text,text,int4,int4,text)", replaceAt)

	kernels("regexp_like(text,text) regexp_like(text,text,text)", regexKernel([]string{"flags"},
		func(r *regex, s string, a *regexArgs) (bool, error) {
			return r.MatchString(s), a.refuseGlobal("regexp_like()", "")
		}))
	count := regexKernel([]string{"start", "flags"}, func(r *regex, s string, a *regexArgs) (int32, error) {
		if err := a.refuseGlobal("regexp_count()", ""); err != nil {
			return 0, err
		}
		from, err := a.start(s)
		n := int32(0)
		r.each(s, from, func([]int) bool { n++; return true })
		return n, err
	})
	kernels("regexp_count(text,text) regexp_count(text,text,int4) regexp_count(text,text,int4,text)", count)
	kernels(`regexp_instr(text,text) regexp_instr(text,text,int4) regexp_instr(text,text,int4,int4)
		regexp_instr(text,text,int4,int4,int4) regexp_instr(text,text,int4,int4,int4,text)
		regexp_instr(text,text,int4,int4,int4,text,int4)`,
		regexKernel([]string{"start", "N", "endoption", "flags", "subexpr"}, regexInstr))
	kernels(`regexp_substr(text,text) regexp_substr(text,text,int4) regexp_substr(text,text,int4,int4)
		regexp_substr(text,text,int4,int4,text) regexp_substr(text,text,int4,int4,text,int4)`,
		regexKernel([]string{"start", "N", "flags", "subexpr"}, func(r *regex, s string, a *regexArgs) (string, error) {
			m, err := a.nth(r, s, "regexp_substr()")
			if err != nil || m == nil || m[0] < 0 {
				return "", orNull(err)
			}
			return s[m[0]:m[1]], nil
		}))

	kernels("regexp_match(text,text) regexp_match(text,text,text)", regexpMatch)
	for _, args := range []string{"(text,text)", "(text,text,text)"} {
		rows("regexp_matches"+args, regexpMatches)
		kernel("regexp_split_to_array"+args, regexKernel([]string{"flags"}, func(r *regex, s string, a *regexArgs) ([]string, error) {
			return r.split(s), a.refuseGlobal("regexp_split_to_array()", "")
		}))
		rows("regexp_split_to_table"+args, func(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
			r, s, a, err := openRegex(args, []string{"flags"}, 0)
			if err == nil {
				err = a.refuseGlobal("regexp_split_to_table()", "")
			}
			if err != nil {
				return nil, err
			}
			return items(c, r.split(s)), nil
		})
	}
}

// matchKernel is the operators ~, !~, ~* and !~*.
func matchKernel(fold, negate bool) types.Kernel {
	return Lift2E(func(s, pattern string) (bool, error) {
		r, err := compileRegex(pattern, regexFlags{dotAll: true, fold: fold})
		if err != nil {
			return false, err
		}
		return r.MatchString(s) != negate, nil
	})
}

// regexArgs are the arguments behind text and pattern, by name.
type regexArgs struct {
	names []string
	args  []types.Vec
	row   int
	flags regexFlags
}

func (a *regexArgs) find(name string) (types.Vec, bool) {
	for k, n := range a.names {
		if n == name && k+2 < len(a.args) {
			return a.args[k+2], true
		}
	}
	return types.Vec{}, false
}

func (a *regexArgs) has(name string) bool {
	_, ok := a.find(name)
	return ok
}

func (a *regexArgs) text(name string) string {
	v, ok := a.find(name)
	if !ok {
		return ""
	}
	return v.Array.(*array.String).Value(v.Row(a.row))
}

func (a *regexArgs) number(name string) int32 {
	v, _ := a.find(name)
	return v.Array.(*array.Int32).Value(v.Row(a.row))
}

func (a *regexArgs) errParameter(name string, v int) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"%s\": %d", name, v)
}

// start is the byte offset at which the search begins.
func (a *regexArgs) start(s string) (int, error) {
	if !a.has("start") {
		return 0, nil
	}
	n := a.number("start")
	if n <= 0 {
		return 0, a.errParameter("start", int(n))
	}
	if int(n)-1 > utf8.RuneCountInString(s) {
		return len(s) + 1, nil
	}
	return runeOffset(s, int64(n)-1), nil
}

// refuseGlobal answers the option g where it has no meaning.
func (a *regexArgs) refuseGlobal(function, hint string) error {
	if !a.flags.global {
		return nil
	}
	err := sqlerr.New(sqlerr.InvalidParameterValue, "%s does not support the \"global\" option", function)
	if hint != "" {
		err = err.WithHint("%s", hint)
	}
	return err
}

// nth finds match N and in it the group subexpr; nil when there is none.
func (a *regexArgs) nth(r *regex, s, function string) ([]int, error) {
	if err := a.refuseGlobal(function, ""); err != nil {
		return nil, err
	}
	from, err := a.start(s)
	if err != nil {
		return nil, err
	}
	n, group := 1, 0
	if a.has("N") {
		if n = int(a.number("N")); n <= 0 {
			return nil, a.errParameter("n", n)
		}
	}
	if a.has("endoption") {
		if v := a.number("endoption"); v != 0 && v != 1 {
			return nil, a.errParameter("endoption", int(v))
		}
	}
	if a.has("subexpr") {
		if group = int(a.number("subexpr")); group < 0 {
			return nil, a.errParameter("subexpr", group)
		}
	}
	if group > r.groups {
		return nil, nil
	}
	var found []int
	r.each(s, from, func(m []int) bool {
		if n--; n == 0 {
			found = m[2*group : 2*group+2]
		}
		return n > 0
	})
	return found, nil
}

// orNull is err, or a null result.
func orNull(err error) error {
	if err != nil {
		return err
	}
	return null
}

// openRegex reads the arguments of one row.
func openRegex(args []types.Vec, names []string, i int) (r *regex, s string, a *regexArgs, err error) {
	at := func(k int) string { return args[k].Array.(*array.String).Value(args[k].Row(i)) }
	a = &regexArgs{names: names, args: args, row: i}
	a.flags, err = parseRegexFlags(a.text("flags"))
	if err != nil {
		return nil, "", nil, err
	}
	r, err = compileRegex(at(1), a.flags)
	return r, at(0), a, err
}

// regexKernel makes a strict kernel of a function of text, pattern and the named
// arguments behind them, as many as the signature has.
func regexKernel[R any](names []string, f func(r *regex, s string, a *regexArgs) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (v R, err error) {
			r, s, a, err := openRegex(args, names, i)
			if err != nil {
				return v, err
			}
			return f(r, s, a)
		})
	}
}

// regexInstr is the position of a match, or with endoption 1 behind it.
func regexInstr(r *regex, s string, a *regexArgs) (int32, error) {
	m, err := a.nth(r, s, "regexp_instr()")
	if err != nil || m == nil || m[0] < 0 {
		return 0, err
	}
	at := m[0]
	if a.has("endoption") && a.number("endoption") == 1 {
		at = m[1]
	}
	return int32(utf8.RuneCountInString(s[:at])) + 1, nil
}

// appendGroups appends what the groups of a match took, or the match where there
// are none, as a text[].
func (r *regex) appendGroups(b array.Builder, s string, m []int) {
	elements := types.BeginArray(b).(*array.StringBuilder)
	if r.groups > 0 {
		m = m[2:]
	}
	for k := 0; k < len(m); k += 2 {
		if m[k] < 0 {
			elements.AppendNull()
		} else {
			elements.Append(s[m[k]:m[k+1]])
		}
	}
	types.FinishArray(b, nil)
}

func regexpMatch(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	b := types.NewBuilder(types.Of(types.TextArrayOID), c.Mem)
	defer b.Release()
	for i := range n {
		if anyNull(args, i) {
			b.AppendNull()
			continue
		}
		r, s, a, err := openRegex(args, []string{"flags"}, i)
		if err == nil {
			err = a.refuseGlobal("regexp_match()", "Use the regexp_matches function instead.")
		}
		if err != nil {
			return nil, err
		}
		if m := r.FindStringSubmatchIndex(s); m != nil {
			r.appendGroups(b, s, m)
		} else {
			b.AppendNull()
		}
	}
	return b.NewArray(), nil
}

func regexpMatches(c *types.EvalContext, args []types.Vec) (RowsIterator, error) {
	r, s, a, err := openRegex(args, []string{"flags"}, 0)
	if err != nil {
		return nil, err
	}
	// Built on the Go heap: nobody has to release what is not asked for.
	b := types.NewBuilder(types.Of(types.TextArrayOID), goHeap)
	defer b.Release()
	r.each(s, 0, func(m []int) bool {
		r.appendGroups(b, s, m)
		return a.flags.global
	})
	found := b.NewArray()
	return &arraySlices{array: found, end: found.Len()}, nil
}

// split cuts s at the matches; empty ones at the start, at the end and right
// behind another match do not count.
func (r *regex) split(s string) []string {
	var parts []string
	done := 0
	r.each(s, 0, func(m []int) bool {
		if m[0] < len(s) && m[1] > done {
			parts = append(parts, s[done:m[0]])
			done = m[1]
		}
		return true
	})
	return append(parts, s[done:])
}
