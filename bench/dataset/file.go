package dataset

import (
	"bufio"
	"encoding/gob"
	"os"
	"path/filepath"
)

// save writes a value whole, or not at all.
func save(file string, value any) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), "new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<20)
	if err := gob.NewEncoder(w).Encode(value); err != nil {
		f.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func read(file string, value any) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return gob.NewDecoder(bufio.NewReaderSize(f, 1<<20)).Decode(value)
}

func (s *Set) save(file string) error { return save(file, s) }

func load(file string) (*Set, error) {
	s := new(Set)
	if err := read(file, s); err != nil {
		return nil, err
	}
	return s, nil
}
