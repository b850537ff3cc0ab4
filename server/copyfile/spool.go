package copyfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"quiver/sql/sqlerr"
	"quiver/storage/objstore"
)

// UnpackToTemp unpacks a stream into a file in dir that vanishes with its Close.
func UnpackToTemp(r io.Reader, c Compression, dir string) (RandomReader, int64, error) {
	z, err := Unpack(r, c)
	if err != nil {
		return nil, 0, err
	}
	defer z.Close()
	f, err := TempFile(dir)
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(f, z)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, n, nil
}

// TempFile makes a file in dir that vanishes with its Close.
func TempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "copy-")
	if err != nil {
		return nil, sqlerr.Wrap(err, sqlerr.IOError, "could not create temporary file: %s", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(sqlerr.Wrap(err, sqlerr.IOError, "could not remove temporary file: %s", err), f.Close())
	}
	return f, nil
}

// Output is a file of COPY TO. It appears whole, at Finish, or not at all;
// Abort, which after Finish does nothing, gives up.
type Output struct {
	name   string
	file   *os.File
	temp   string // to be renamed; "" for a device, which is written as it is
	store  objstore.Store
	key    string
	failed error
}

const writeHint = `COPY TO instructs the Quiver server process to write a file. You may want a client-side facility such as psql's \copy.`

// Create begins a file; dir is for what waits to go into an object store.
func Create(name, dir string) (*Output, error) {
	if IsRemote(name) {
		store, key, err := objstore.OpenObject(name)
		if err != nil {
			return nil, sqlerr.New(sqlerr.InvalidName, "%s", err)
		}
		f, err := TempFile(dir)
		if err != nil {
			return nil, err
		}
		return &Output{name: name, file: f, store: store, key: key}, nil
	}
	o := &Output{name: name}
	info, err := os.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		o.file, err = os.OpenFile(name, os.O_WRONLY, 0)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		if o.file, err = os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-"); err == nil {
			o.temp = o.file.Name()
			err = o.file.Chmod(0o644)
		}
	}
	if err != nil {
		o.Abort()
		return nil, fileError(name, "writing", writeHint, err)
	}
	return o, nil
}

// Write adds to the file.
func (o *Output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil && o.failed == nil {
		o.failed = writeError(o.name, err)
	}
	return n, err
}

// Failed is why the file could not be written; nil if it could. It tells errors of
// the file from those of the rows, whatever the libraries between make of them.
func (o *Output) Failed() error { return o.failed }

// Finish makes the file appear.
func (o *Output) Finish(ctx context.Context) error {
	defer o.Abort()
	if o.store != nil {
		size, err := o.file.Seek(0, io.SeekEnd)
		if err == nil {
			_, err = o.file.Seek(0, io.SeekStart)
		}
		if err == nil {
			err = o.store.Put(ctx, o.key, o.file, size)
		}
		if err != nil {
			return storeError(o.name, err)
		}
		return nil
	}
	var err error
	if o.temp != "" {
		err = o.file.Sync()
	}
	if err = errors.Join(err, o.file.Close()); err == nil && o.temp != "" {
		err = os.Rename(o.temp, o.name)
	}
	o.file = nil
	if err != nil {
		return writeError(o.name, err)
	}
	o.temp = ""
	return nil
}

// Abort gives up what was not finished.
func (o *Output) Abort() {
	if o.file != nil {
		_ = o.file.Close() // nothing of it is wanted
		o.file = nil
	}
	if o.temp != "" {
		_ = os.Remove(o.temp)
		o.temp = ""
	}
	if c, ok := o.store.(io.Closer); ok {
		_ = c.Close() // drops idle connections
	}
}
