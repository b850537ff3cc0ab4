package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"quiver/server/copyfile"
	"quiver/sql/types"
)

// createTable is CREATE TABLE for the rows of files, as the first of them tells.
func (c *importConfig) createTable(ctx context.Context, files []string) (string, error) {
	format, compression := c.formsOf(files[0])
	kind := copyfile.FormatByName(format)
	if kind.IsVectors() && len(files) > 1 {
		return "", errors.New("--create takes one file of vectors, whose rows it numbers")
	}
	columns, err := describe(ctx, files[0], kind, compression)
	if err != nil {
		return "", fmt.Errorf("%s: %w", files[0], err)
	}
	var list []string
	for _, column := range columns {
		if len(c.columns) > 0 && !slices.Contains(c.columns, column.Name) {
			continue
		}
		text := pgx.Identifier{column.Name}.Sanitize() + " " + types.FormatType(column.Type)
		if kind.IsVectors() && column.Type.OID == types.Int8OID {
			text += " PRIMARY KEY"
		}
		list = append(list, text)
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", c.into.Sanitize(), strings.Join(list, ", ")), nil
}

// describe are the columns of a file.
func describe(ctx context.Context, name string, format copyfile.Format, compression string) ([]copyfile.Column, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	packed, ok := copyfile.CompressionByName(compression)
	if compression == "" || !ok || format == copyfile.Parquet || format == copyfile.Arrow {
		return copyfile.Describe(ctx, f, info.Size(), format)
	}
	whole, size, err := copyfile.UnpackToTemp(f, packed, os.TempDir())
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	return copyfile.Describe(ctx, whole, size, format)
}
