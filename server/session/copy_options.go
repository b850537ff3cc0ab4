package session

import (
	"path/filepath"
	"slices"
	"strings"

	"quiver/server/copyfile"
	"quiver/server/copyformat"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// copyOptions is what a COPY says about the form of its data.
type copyOptions struct {
	// file is the format of a file of columns; 0 for rows, whose options rows has.
	file        copyfile.Format
	rows        *copyformat.Options
	compression copyfile.Compression
	freeze      bool
}

// parseCopyOptions reads the options of a COPY over the named columns. Quiver's
// own are COMPRESSION and the formats of package copyfile; the last extensions of
// a file's name say what neither does.
func parseCopyOptions(v *ast.CopyStmt, columns []string) (*copyOptions, error) {
	c := &copyOptions{}
	bare := v.File
	if copyfile.IsRemote(bare) {
		bare, _, _ = strings.Cut(bare, "?")
	}
	c.compression, bare = copyfile.CompressionOf(bare)
	var format, packed *ast.Option
	rest := slices.DeleteFunc(slices.Clone(v.Options), func(o *ast.Option) bool {
		switch o.Name {
		case "format":
			format = o
			return copyfile.FormatByName(constText(o.Value)) != 0
		case "compression":
			again := packed != nil
			packed = o
			return !again
		}
		return false
	})
	if format == nil {
		c.file = copyfile.FormatByName(strings.TrimPrefix(strings.ToLower(filepath.Ext(bare)), "."))
	} else {
		c.file = copyfile.FormatByName(constText(format.Value))
	}
	if packed != nil {
		word := constText(packed.Value)
		var ok bool
		if c.compression, ok = copyfile.CompressionByName(word); !ok {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, `COPY compression "%s" not recognized`, word).At(packed.Position())
		}
	}
	var err error
	if c.file == 0 {
		if c.rows, err = copyformat.ParseOptions(rest, v.From, columns); err == nil {
			c.freeze = c.rows.Freeze
		}
		return c, err
	}
	for _, o := range rest {
		if o.Name != "freeze" {
			return nil, sqlerr.New(sqlerr.SyntaxError, "cannot specify %s in %s mode", strings.ToUpper(o.Name), strings.ToUpper(c.file.String())).At(o.Position())
		}
		if c.freeze, err = copyformat.Boolean(o); err != nil {
			return nil, err
		}
	}
	if packed == nil && c.compression == copyfile.None && c.file == copyfile.Parquet && !v.From {
		c.compression = copyfile.Snappy // as most writers do
	}
	return c, nil
}

// isBinary says whether the client sees bytes instead of text.
func (o *copyOptions) isBinary() bool {
	return o.file != 0 || o.rows.Format == copyformat.Binary || o.compression != copyfile.None
}

// checkFile answers for a file name that COPY does not take.
func (s *Session) checkFile(v *ast.CopyStmt) error {
	if v.File == "" || copyfile.IsRemote(v.File) || v.From || filepath.IsAbs(v.File) {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidName, "relative path not allowed for COPY to file")
}
