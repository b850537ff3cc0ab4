package executor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// storageParameter is one that WITH (…) knows. Its bounds are printed as
// PostgreSQL prints those of its own.
type storageParameter struct {
	name string
	// kind reads the value and checks it.
	kind parameterKind
	// toast: the parameter may also be said of the TOAST table, which there is
	// none of here.
	toast bool
	// fixed: it is said when the table is created and never changed.
	fixed bool
	// waits names a parameter that is checked but cannot be set yet.
	waits bool
	// apply sets what the value means; nil for those that mean nothing here.
	apply func(o *parameterTarget, value any)
	// reset is apply for RESET.
	reset func(o *parameterTarget)
	// ofTable: it is not said of a single partition.
	ofTable bool
	// exclusive: it cannot change while statements read or write the table.
	exclusive bool
}

// parameterTarget is what parameters are said of.
type parameterTarget struct {
	options *catalog.StorageOptions
	// shards and partitions are of a table that is being created.
	shards, partitions *int
}

// parameterKind is the type of a parameter's value.
type parameterKind interface {
	// parse returns the value of a text: an int, float64, bool, string, int64 of
	// bytes, or time.Duration.
	parse(name, text string) (any, error)
}

type (
	intParameter      struct{ min, max int }
	floatParameter    struct{ min, max float64 }
	boolParameter     struct{}
	enumParameter     struct{ words, also []string }
	bytesParameter    struct{ min, max int64 }
	durationParameter struct{ min, max time.Duration }
)

func invalidParameter(kind, name, text string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for %s option %s: %s", kind, quoted(name), text)
}

func outOfBounds(name, text, least, most string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, "value %s out of bounds for option %s", text, quoted(name)).
		WithDetail("Valid values are between \"%s\" and \"%s\".", least, most)
}

func (k intParameter) parse(name, text string) (any, error) {
	n, ok := catalog.ParseOption(text)
	if !ok {
		return nil, invalidParameter("integer", name, text)
	}
	if n < k.min || n > k.max {
		return nil, outOfBounds(name, text, strconv.Itoa(k.min), strconv.Itoa(k.max))
	}
	return n, nil
}

func (k floatParameter) parse(name, text string) (any, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || strings.ContainsAny(text, "_xX") {
		return nil, invalidParameter("floating point", name, text)
	}
	if f < k.min || f > k.max {
		return nil, outOfBounds(name, text, fmt.Sprintf("%f", k.min), fmt.Sprintf("%f", k.max))
	}
	return f, nil
}

func (boolParameter) parse(name, text string) (any, error) {
	b, err := types.ParseBool(text)
	if err != nil {
		return nil, invalidParameter("boolean", name, text)
	}
	return b, nil
}

func (k enumParameter) parse(name, text string) (any, error) {
	for _, words := range [][]string{k.words, k.also} {
		for _, w := range words {
			if strings.EqualFold(w, text) {
				return w, nil
			}
		}
	}
	return nil, invalidParameter("enum", name, text).WithDetail("Valid values are %s.", listed(k.words))
}

// byteUnits are those of memory settings. A number without one is of bytes.
var byteUnits = []struct {
	name string
	size int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}}

func (k bytesParameter) parse(name, text string) (any, error) {
	digits, unit := strings.TrimSpace(text), int64(1)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = strings.TrimSpace(number), u.size
			break
		}
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(f) || strings.ContainsAny(digits, "_xX") {
		return nil, invalidParameter("memory", name, text).WithHint(`Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".`)
	}
	if f *= float64(unit); f < float64(k.min) || f > float64(k.max) {
		return nil, outOfBounds(name, text, bytesText(k.min), bytesText(k.max))
	}
	return int64(f), nil
}

// bytesText prints a number of bytes in the largest unit that is whole.
func bytesText(n int64) string {
	for _, u := range byteUnits {
		if n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

const day = 24 * time.Hour

// parse reads an interval: 1 day, 90 minutes, or a number of seconds. A month has
// 30 days, as in its epoch.
func (k durationParameter) parse(name, text string) (any, error) {
	v, err := types.ParseInterval(text, nil)
	if err != nil {
		return nil, invalidParameter("interval", name, text)
	}
	seconds := (float64(v.Months)*30+float64(v.Days))*day.Seconds() + float64(v.Micros)/1e6
	if seconds < k.min.Seconds() || seconds > k.max.Seconds() {
		return nil, outOfBounds(name, text, intervalText(k.min), intervalText(k.max))
	}
	return (time.Duration(v.Months)*30+time.Duration(v.Days))*day + time.Duration(v.Micros)*time.Microsecond, nil
}

func intervalText(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// parameters is a list of those that a kind of relation knows.
type parameters []storageParameter

func (list parameters) find(name string) *storageParameter {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// set is WITH (…) and SET (…): options, with those of the statement, that are in
// the target afterwards. creating says that the relation is new.
func (list parameters) set(target *parameterTarget, options []*ast.Option, creating bool) error {
	for _, o := range options {
		if o.Namespace != "" && o.Namespace != "toast" {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter namespace %s", quoted(o.Namespace))
		}
	}
	seen := map[string]bool{}
	for _, o := range options {
		known := list.find(o.Name)
		if known == nil || o.Namespace == "toast" && !known.toast {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized parameter %s", quoted(o.Name))
		}
		if place := o.Namespace + "." + o.Name; seen[place] {
			return sqlerr.New(sqlerr.InvalidParameterValue, "parameter %s specified more than once", quoted(o.Name))
		} else {
			seen[place] = true
		}
		text := optionText(o)
		value, err := known.kind.parse(o.Name, text)
		if err != nil {
			return err
		}
		if o.Namespace == "toast" {
			continue // checked, and kept by a table that is not there
		}
		switch {
		case known.waits:
			return sqlerr.Unsupported("storage parameter %s", quoted(o.Name))
		case known.fixed && !creating:
			return fixedParameter(o.Name)
		}
		target.options.SetParameter(o.Name, text)
		if known.apply != nil {
			known.apply(target, value)
		}
	}
	return nil
}

func fixedParameter(name string) error {
	return sqlerr.New(sqlerr.CantChangeRuntimeParam, "parameter %s cannot be changed after the table is created", quoted(name)).
		WithHint("Create a new table with the value that is wanted, and copy the rows: CREATE TABLE … (…) WITH (%s = …), then INSERT INTO … SELECT ….", name)
}

// clear is RESET (…); names that mean nothing are passed over.
func (list parameters) clear(target *parameterTarget, options []*ast.Option) error {
	for _, o := range options {
		if o.Value != nil {
			return sqlerr.New(sqlerr.SyntaxError, "RESET must not include values for parameters")
		}
		known := list.find(o.Name)
		if known == nil || o.Namespace != "" {
			continue
		}
		if known.fixed {
			return fixedParameter(o.Name)
		}
		target.options.ResetParameter(o.Name)
		if known.reset != nil {
			known.reset(target)
		}
	}
	return nil
}
