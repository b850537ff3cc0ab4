package wal

import (
	"errors"
	"fmt"
	"io"
	"path"

	"quiver/storage/vfs"
)

// Dump prints the files of a log and their records, for quiver inspect. It
// changes nothing, needs no lock, and goes on past what it cannot read, which
// it prints and returns joined. describe says what a record is, its length and
// first bytes if nil; it may fail too.
func Dump(w io.Writer, fsys vfs.FS, dir string, describe func(record []byte) (string, error)) error {
	if describe == nil {
		describe = func(record []byte) (string, error) {
			return fmt.Sprintf("%d bytes %x", len(record), record[:min(len(record), 16)]), nil
		}
	}
	d := dumper{w: w, describe: describe}
	return d.all(fsys, dir)
}

func (d *dumper) all(fsys vfs.FS, dir string) error {
	entries, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base, ok := parseFileName(e.Name())
		if !ok {
			continue
		}
		f, err := fsys.Open(path.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		size, err := f.Size()
		if err == nil {
			var content []byte
			if content, err = readWhole(f, size); err == nil {
				d.file(e.Name(), base, content)
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if d.files == 0 {
		d.bad(Position{}, "no log files")
	}
	if end, err := readEnd(fsys, dir); err != nil {
		d.bad(Position{}, err.Error())
	} else if lacks := end.lacks(d.next); lacks != "" && len(d.errs) == 0 {
		d.bad(d.end, lacks)
	}
	return errors.Join(d.errs...)
}

// Magic begins a file of a log.
const Magic = fileMagic

// DumpFile is Dump of one file, which name names, without the others.
func DumpFile(w io.Writer, name string, content []byte, describe func(record []byte) (string, error)) error {
	d := dumper{w: w, describe: describe}
	base, ok := parseFileName(path.Base(name))
	if h, err := decodeFileHeader(content); err == nil && !ok {
		base = h.base // renamed
	}
	d.file(name, base, content)
	return errors.Join(d.errs...)
}

type dumper struct {
	w        io.Writer
	describe func([]byte) (string, error)
	each     func(p Position, record []byte) // if set, gets what is read
	files    int
	stream   uint32
	next     uint64 // sequence that the next file begins with; 0: any
	end      Position
	errs     []error
}

func (d *dumper) bad(p Position, reason string) {
	err := &CorruptionError{Position: p, Reason: reason}
	d.errs = append(d.errs, err)
	fmt.Fprintf(d.w, "  %v: CORRUPT: %s\n", p, reason)
}

func (d *dumper) file(name string, base uint64, content []byte) {
	d.files++
	h, err := decodeFileHeader(content)
	if err == nil && (h.base != base || h.size != uint64(len(content))) {
		err = fmt.Errorf("header is of %d bytes at %X", h.size, h.base)
	}
	if err != nil {
		fmt.Fprintf(d.w, "file %s\n", name)
		d.bad(Position{Stream: d.stream, Offset: base}, err.Error())
		d.next = 0
		return
	}
	d.stream = h.stream
	fmt.Fprintf(d.w, "file %s: stream %d, owner epoch %d, %d bytes, records from %d\n", name, h.stream, h.epoch, h.size, h.sequence)
	if d.next != 0 && d.next != h.sequence {
		d.bad(Position{Stream: h.stream, Offset: base}, fmt.Sprintf("begins with record %d where %d is next", h.sequence, d.next))
	}
	d.records(h, content)
}

func (d *dumper) records(h *fileHeader, content []byte) {
	at := fileHeaderBytes
	for d.next = h.sequence; ; d.next++ {
		p := Position{Stream: h.stream, Offset: h.base + uint64(at)}
		f, reason := decodeFrame(content[at:], h.base)
		if reason == "" && f.sequence != d.next {
			reason = fmt.Sprintf("record %d where %d is next", f.sequence, d.next)
		}
		if reason != "" {
			if later := findDurable(content[at:], h.base, d.next); later >= 0 {
				d.bad(p, fmt.Sprintf("%s, and a later record lies at %X", reason, p.Offset+uint64(later)))
				d.next = 0
				return
			}
			d.end = p
			fmt.Fprintf(d.w, "  %v: end (%s)\n", p, reason)
			return
		}
		if d.each != nil {
			d.each(p, f.record)
		}
		text, err := d.describe(f.record)
		if err != nil {
			d.bad(p, err.Error())
		} else {
			fmt.Fprintf(d.w, "  %v: record %d: %s\n", p, f.sequence, text)
		}
		at += f.bytes
	}
}
