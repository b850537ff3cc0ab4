package copyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"quiver/sql/sqlerr"
	"quiver/storage/objstore"
)

// File is one file to read.
type File struct {
	// Name is what errors call it.
	Name string
	// Size in bytes; 0 if it is not known.
	Size int64

	path  string   // on this machine
	open  *os.File // what is read instead of path
	store objstore.Store
	key   string
}

// IsRemote says whether a file name of COPY means an object of a store.
func IsRemote(name string) bool { return strings.HasPrefix(name, "s3://") }

const readHint = `COPY FROM instructs the Quiver server process to read a file. You may want a client-side facility such as psql's \copy.`

// Find returns the files that name means, in the order of their names: one, or
// all that match it where its last part is a pattern of *, ? and [a-z] and no
// file is called so.
func Find(ctx context.Context, name string) ([]*File, error) {
	if IsRemote(name) {
		return findObjects(ctx, name)
	}
	info, err := os.Stat(name)
	if err == nil {
		if info.IsDir() {
			return nil, sqlerr.New(sqlerr.WrongObjectType, `"%s" is a directory`, name)
		}
		return []*File{{Name: name, Size: regularSize(info), path: name}}, nil
	}
	dir, pattern := filepath.Split(name)
	if !isPattern(pattern) || !errors.Is(err, fs.ErrNotExist) {
		return nil, openError(name, err)
	}
	if dir == "" {
		dir = "."
	}
	entries, listErr := os.ReadDir(dir)
	if listErr != nil {
		return nil, openError(name, listErr)
	}
	var files []*File
	for _, e := range entries {
		ok, matchErr := path.Match(pattern, e.Name())
		if matchErr != nil {
			return nil, badPattern(name)
		}
		if !ok || e.IsDir() {
			continue
		}
		full := filepath.Join(dir, e.Name())
		info, statErr := os.Stat(full)
		if statErr != nil {
			return nil, openError(full, statErr)
		}
		if !info.IsDir() {
			files = append(files, &File{Name: full, Size: regularSize(info), path: full})
		}
	}
	if len(files) == 0 {
		return nil, openError(name, err)
	}
	return files, nil
}

func regularSize(info fs.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

func isPattern(name string) bool { return strings.ContainsAny(name, "*?[") }

func badPattern(name string) error {
	return sqlerr.New(sqlerr.InvalidName, `"%s" is not a valid pattern`, name)
}

// openError is PostgreSQL's answer to a file that cannot be opened.
func openError(name string, err error) error {
	return fileError(name, "reading", readHint, err)
}

func fileError(name, purpose, hint string, err error) error {
	code, reason := reasonOf(err)
	e := sqlerr.New(code, `could not open file "%s" for %s: %s`, name, purpose, reason)
	if code == sqlerr.UndefinedFile || code == sqlerr.InsufficientPrivilege {
		e = e.WithHint("%s", hint)
	}
	return e
}

// writeError is the answer to a file that cannot be written on.
func writeError(name string, err error) error {
	code, reason := reasonOf(err)
	return sqlerr.New(code, `could not write to file "%s": %s`, name, reason)
}

// reasonOf is the SQLSTATE of an error of the system, and its text as PostgreSQL's.
func reasonOf(err error) (code sqlerr.Code, reason string) {
	var no syscall.Errno
	code, reason = sqlerr.IOError, err.Error()
	if errors.As(err, &no) {
		reason = no.Error()
		if reason != "" {
			reason = strings.ToUpper(reason[:1]) + reason[1:]
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		code = sqlerr.UndefinedFile
	case errors.Is(err, fs.ErrPermission):
		code = sqlerr.InsufficientPrivilege
	case no == syscall.EISDIR:
		code = sqlerr.WrongObjectType
	case no == syscall.ENOSPC:
		code = sqlerr.DiskFull
	}
	return code, reason
}

// findObjects is Find in an object store.
func findObjects(ctx context.Context, name string) ([]*File, error) {
	store, key, err := objstore.OpenObject(name)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidName, "%s", err)
	}
	base := path.Base(key)
	info, err := store.Head(ctx, key)
	switch {
	case err == nil:
		return []*File{{Name: name, Size: info.Size, store: store, key: key}}, nil
	case !errors.Is(err, objstore.ErrNotFound) || !isPattern(base):
		return nil, storeError(name, err)
	}
	if _, err := path.Match(base, ""); err != nil {
		return nil, badPattern(name)
	}
	dir := strings.TrimSuffix(key, base)
	prefix := dir + base[:strings.IndexAny(base, "*?[")]
	var files []*File
	err = store.List(ctx, prefix, func(o objstore.ObjectInfo) error {
		rest, below := strings.CutPrefix(o.Key, dir)
		if ok, _ := path.Match(base, rest); below && ok {
			files = append(files, &File{Name: objectName(name, o.Key), Size: o.Size, store: store, key: o.Key})
		}
		return nil
	})
	if err != nil {
		return nil, storeError(name, err)
	}
	if len(files) == 0 {
		return nil, storeError(name, fmt.Errorf("%w: %s", objstore.ErrNotFound, key))
	}
	slices.SortFunc(files, func(a, b *File) int { return strings.Compare(a.key, b.key) })
	return files, nil
}

// objectName is the name of an object beside that of a pattern, without the
// parameters of the URL.
func objectName(pattern, key string) string {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(pattern, "s3://"), "/")
	return "s3://" + bucket + "/" + key
}

// storeError is the answer to an object that cannot be read or written.
func storeError(name string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, objstore.ErrNotFound):
		return sqlerr.New(sqlerr.UndefinedFile, `object "%s" does not exist`, name)
	}
	return sqlerr.New(sqlerr.IOError, `could not access object "%s": %s`, name, err)
}

// Opened is a file that is open already: reading begins at its start, and the
// caller closes it.
func Opened(name string, f *os.File, size int64) *File { return &File{Name: name, Size: size, open: f} }

func (f *File) section() *sectionCloser {
	return &sectionCloser{io.NewSectionReader(f.open, 0, f.Size), func() error { return nil }}
}

// Close gives back what reading a file's store took.
func (f *File) Close() {
	if c, ok := f.store.(io.Closer); ok {
		_ = c.Close() // drops idle connections
	}
}

// Stream opens the file to be read from its begin to its end.
func (f *File) Stream(ctx context.Context) (io.ReadCloser, error) {
	if f.store != nil {
		return newObjectStream(ctx, f), nil
	}
	return f.local()
}

// local opens a file that lies in no object store.
func (f *File) local() (RandomReader, error) {
	if f.open != nil {
		return f.section(), nil
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, openError(f.Name, err)
	}
	return r, nil
}

// RandomReader reads any part of a file.
type RandomReader interface {
	io.ReaderAt
	io.ReadSeeker
	io.Closer
}

// Random opens the file to be read anywhere.
func (f *File) Random(ctx context.Context) (RandomReader, error) {
	if f.store != nil {
		r := &objectReader{ctx: ctx, f: f}
		return &sectionCloser{io.NewSectionReader(r, 0, f.Size), func() error { return nil }}, nil
	}
	return f.local()
}

// sectionCloser is a section with what ends it.
type sectionCloser struct {
	*io.SectionReader
	close func() error
}

func (s *sectionCloser) Close() error { return s.close() }
