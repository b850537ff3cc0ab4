package catalog

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseOption reads the value of an integer storage parameter as PostgreSQL
// does: decimal, hexadecimal or octal, a fraction rounded to even.
func ParseOption(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 0, 32); err == nil && !strings.Contains(text, "_") {
		return int(n), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > math.MaxInt32 || strings.ContainsAny(text, "_pPxX") {
		return 0, false
	}
	return int(math.RoundToEven(f)), true
}

// Integer is the value of an integer parameter, which was checked when it was
// set; 0 without one.
func (i *Index) Integer(parameter string) int {
	n, _ := ParseOption(i.Options[parameter])
	return n
}

// OptionList prints the parameters as reloptions has them, in the order in which
// they were given.
func (i *Index) OptionList() (out []string) {
	for _, name := range i.OptionOrder {
		if value, ok := i.Options[name]; ok {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// SetOption returns a copy of the index with a parameter set, last in order.
func (i *Index) SetOption(name, value string) *Index {
	fresh := i.ResetOption(name)
	fresh.Options[name] = value
	fresh.OptionOrder = append(fresh.OptionOrder, name)
	return fresh
}

// ResetOption returns a copy of the index without a parameter.
func (i *Index) ResetOption(name string) *Index {
	fresh := *i
	fresh.Options = map[string]string{}
	for k, v := range i.Options {
		if k != name {
			fresh.Options[k] = v
		}
	}
	fresh.OptionOrder = slices.DeleteFunc(slices.Clone(i.OptionOrder), func(k string) bool { return k == name })
	return &fresh
}
