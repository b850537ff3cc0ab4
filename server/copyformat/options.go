package copyformat

import (
	"slices"
	"strings"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// Format is how rows are written.
type Format byte

// The formats of COPY.
const (
	Text Format = iota
	CSV
	Binary
	// JSON has an object a line; PostgreSQL has it not.
	JSON
)

// Options is what WITH (…) of a COPY says, checked and with defaults.
type Options struct {
	Format    Format
	Delimiter byte
	Null      string
	// Header: the first line is one; Match: it must name the columns.
	Header, Match bool
	Quote, Escape byte
	// Freeze: the table must be of the transaction.
	Freeze bool
	// ForceQuote, ForceNotNull and ForceNull have an entry a column of the
	// COPY, or are nil.
	ForceQuote, ForceNotNull, ForceNull []bool
}

// WireFormat is the overall format code of CopyInResponse and CopyOutResponse.
func (o *Options) WireFormat() int16 {
	if o.Format == Binary {
		return 1
	}
	return 0
}

// parser gathers options and remembers which were given.
type parser struct {
	Options
	from  bool
	given map[string]*ast.Option
	// Column lists, resolved once the columns are known.
	forceQuote, forceNotNull, forceNull *ast.Option
}

// ParseOptions reads the options of a COPY FROM (or TO) over the named columns.
// The errors are those of PostgreSQL's ProcessCopyOptions.
func ParseOptions(options []*ast.Option, from bool, columns []string) (*Options, error) {
	p := &parser{from: from, given: map[string]*ast.Option{}}
	for _, o := range options {
		if p.given[o.Name] != nil {
			return nil, sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(o.Position())
		}
		p.given[o.Name] = o
		if err := p.option(o); err != nil {
			return nil, err
		}
	}
	if err := p.defaults(); err != nil {
		return nil, err
	}
	var err error
	if p.ForceQuote, err = columnList(p.forceQuote, "FORCE_QUOTE", columns); err != nil {
		return nil, err
	}
	if p.ForceNotNull, err = columnList(p.forceNotNull, "FORCE_NOT_NULL", columns); err != nil {
		return nil, err
	}
	if p.ForceNull, err = columnList(p.forceNull, "FORCE_NULL", columns); err != nil {
		return nil, err
	}
	return &p.Options, nil
}

func text(o *ast.Option) (string, error) {
	if c, ok := o.Value.(*ast.Const); ok && c.Kind != ast.ConstNull {
		return c.Text, nil
	}
	return "", sqlerr.New(sqlerr.SyntaxError, "%s requires a parameter", o.Name).At(o.Position())
}

func (p *parser) option(o *ast.Option) error {
	switch o.Name {
	case "format":
		s, err := text(o)
		if err != nil {
			return err
		}
		formats := map[string]Format{"text": Text, "csv": CSV, "binary": Binary, "json": JSON}
		f, ok := formats[s]
		if !ok {
			return sqlerr.New(sqlerr.InvalidParameterValue, "COPY format \"%s\" not recognized", s).At(o.Position())
		}
		p.Format = f
	case "freeze":
		on, err := Boolean(o)
		p.Freeze = on
		return err
	case "delimiter", "quote", "escape", "null":
		_, err := text(o)
		return err
	case "header":
		if c, ok := o.Value.(*ast.Const); ok && strings.EqualFold(c.Text, "match") {
			if !p.from {
				return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use \"match\" with HEADER in COPY TO")
			}
			p.Header, p.Match = true, true
			return nil
		}
		on, err := Boolean(o)
		if err != nil {
			return sqlerr.New(sqlerr.SyntaxError, "header requires a Boolean value or \"match\"")
		}
		p.Header = on
	case "force_quote":
		p.forceQuote = o
	case "force_not_null":
		p.forceNotNull = o
	case "force_null":
		p.forceNull = o
	case "encoding":
		s, err := text(o)
		if err != nil {
			return err
		}
		switch strings.ToUpper(strings.NewReplacer("-", "", "_", "").Replace(s)) {
		case "UTF8", "UNICODE", "SQLASCII":
			return nil
		case "LATIN1", "ISO88591", "WIN1252", "LATIN9":
			return sqlerr.Unsupported("COPY with encoding %s", s)
		}
		return sqlerr.New(sqlerr.InvalidParameterValue, "argument to option \"encoding\" must be a valid encoding name").At(o.Position())
	default:
		return sqlerr.New(sqlerr.SyntaxError, "option \"%s\" not recognized", o.Name).At(o.Position())
	}
	if (o.Name == "force_quote" || o.Name == "force_not_null" || o.Name == "force_null") && !o.Star && o.Names == nil {
		return sqlerr.New(sqlerr.InvalidParameterValue, "argument to option \"%s\" must be a list of column names", o.Name).At(o.Position())
	}
	return nil
}

// Boolean is the value of an option that is on or off.
func Boolean(o *ast.Option) (bool, error) {
	on, ok := o.Boolean()
	if !ok {
		return false, sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", o.Name)
	}
	return on, nil
}

// defaults fills in what was not given and checks what belongs together, in
// the order of ProcessCopyOptions.
func (p *parser) defaults() error {
	csv := p.Format == CSV
	get := func(name, or string) (string, bool) {
		if o := p.given[name]; o != nil {
			s, _ := text(o)
			return s, true
		}
		return or, false
	}
	delim, delimGiven := get("delimiter", map[bool]string{false: "\t", true: ","}[csv])
	null, nullGiven := get("null", map[bool]string{false: `\N`, true: ""}[csv])
	quote, quoteGiven := get("quote", `"`)
	escape, escapeGiven := get("escape", quote)
	refuse := func(code sqlerr.Code, format string, args ...any) error { return sqlerr.New(code, format, args...) }
	switch {
	case p.Format == Binary && delimGiven:
		return refuse(sqlerr.SyntaxError, "cannot specify DELIMITER in BINARY mode")
	case p.Format == Binary && nullGiven:
		return refuse(sqlerr.SyntaxError, "cannot specify NULL in BINARY mode")
	case p.Format == JSON && delimGiven:
		return refuse(sqlerr.SyntaxError, "cannot specify DELIMITER in JSON mode")
	case p.Format == JSON && nullGiven:
		return refuse(sqlerr.SyntaxError, "cannot specify NULL in JSON mode")
	case p.Format == JSON && p.Header:
		return refuse(sqlerr.FeatureNotSupported, "cannot specify HEADER in JSON mode")
	case len(delim) != 1:
		return refuse(sqlerr.FeatureNotSupported, "COPY delimiter must be a single one-byte character")
	case delim == "\n" || delim == "\r":
		return refuse(sqlerr.InvalidParameterValue, "COPY delimiter cannot be newline or carriage return")
	case strings.ContainsAny(null, "\r\n"):
		return refuse(sqlerr.InvalidParameterValue, "COPY null representation cannot use newline or carriage return")
	case !csv && strings.Contains(`\.abcdefghijklmnopqrstuvwxyz0123456789`, delim):
		return refuse(sqlerr.InvalidParameterValue, "COPY delimiter cannot be \"%s\"", delim)
	case p.Format == Binary && p.Header:
		return refuse(sqlerr.FeatureNotSupported, "cannot specify HEADER in BINARY mode")
	case !csv && quoteGiven:
		return refuse(sqlerr.FeatureNotSupported, "COPY quote available only in CSV mode")
	case csv && len(quote) != 1:
		return refuse(sqlerr.FeatureNotSupported, "COPY quote must be a single one-byte character")
	case csv && delim == quote:
		return refuse(sqlerr.InvalidParameterValue, "COPY delimiter and quote must be different")
	case !csv && escapeGiven:
		return refuse(sqlerr.FeatureNotSupported, "COPY escape available only in CSV mode")
	case csv && len(escape) != 1:
		return refuse(sqlerr.FeatureNotSupported, "COPY escape must be a single one-byte character")
	case !csv && p.forceQuote != nil:
		return refuse(sqlerr.FeatureNotSupported, "COPY force quote available only in CSV mode")
	case p.forceQuote != nil && p.from:
		return refuse(sqlerr.FeatureNotSupported, "COPY force quote only available using COPY TO")
	case !csv && p.forceNotNull != nil:
		return refuse(sqlerr.FeatureNotSupported, "COPY force not null available only in CSV mode")
	case p.forceNotNull != nil && !p.from:
		return refuse(sqlerr.FeatureNotSupported, "COPY force not null only available using COPY FROM")
	case !csv && p.forceNull != nil:
		return refuse(sqlerr.FeatureNotSupported, "COPY force null available only in CSV mode")
	case p.forceNull != nil && !p.from:
		return refuse(sqlerr.FeatureNotSupported, "COPY force null only available using COPY FROM")
	case strings.Contains(null, delim):
		return refuse(sqlerr.FeatureNotSupported, "COPY delimiter must not appear in the NULL specification")
	case csv && strings.Contains(null, quote):
		return refuse(sqlerr.FeatureNotSupported, "CSV quote character must not appear in the NULL specification")
	}
	p.Delimiter, p.Null, p.Quote, p.Escape = delim[0], null, quote[0], escape[0]
	return nil
}

// columnList turns FORCE_… (a, b) or * into a flag a column.
func columnList(o *ast.Option, what string, columns []string) ([]bool, error) {
	if o == nil {
		return nil, nil
	}
	flags := make([]bool, len(columns))
	for i := range flags {
		flags[i] = o.Star
	}
	for _, name := range o.Names {
		i := slices.Index(columns, name)
		if i < 0 {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "%s column \"%s\" not referenced by COPY", what, name)
		}
		flags[i] = true
	}
	return flags, nil
}
