package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"quiver/storage/vfs"
)

// OpenFiles opens the log in dir, which is made if need be, finds its end and
// begins a new file there. A damaged log is a *CorruptionError, one that a
// newer owner wrote ErrFenced, one that is open vfs.ErrLocked.
func OpenFiles(fsys vfs.FS, dir string, options FileOptions) (_ *FileLog, err error) {
	options.setDefaults()
	if options.FileBytes < fileHeaderBytes+frameHeaderBytes || options.FileBytes%8 != 0 {
		return nil, fmt.Errorf("wal: file size %d", options.FileBytes)
	}
	if err := vfs.MkdirAllSync(fsys, dir); err != nil {
		return nil, err
	}
	l := &FileLog{
		fs: fsys, dir: dir, options: options,
		writing: make(chan struct{}, 1), wake: make(chan struct{}, 1), prepare: make(chan struct{}, 1), stop: make(chan struct{}),
	}
	l.room.L = &l.mu
	if l.lock, err = fsys.Lock(l.path(lockName)); err != nil {
		return nil, err
	}
	if err := l.open(); err != nil {
		return nil, errors.Join(err, l.lock.Close())
	}
	l.done.Add(2)
	go l.writeLoop()
	go l.prepareLoop()
	return l, nil
}

func (l *FileLog) open() error {
	if err := l.list(); err != nil {
		return err
	}
	end, err := readEnd(l.fs, l.dir)
	if err != nil {
		return err
	}
	l.cutSize = float64(len(l.spares))
	base, sequence := uint64(0), uint64(1)
	empty := false
	if n := len(l.files); n > 0 {
		last := l.files[n-1]
		next, err := l.findEnd(last, &end)
		if err != nil {
			return err
		}
		base, sequence, empty = last.end(), next, next == last.sequence
	}
	if lacks := end.lacks(sequence); lacks != "" {
		return l.corrupt(base, lacks)
	}
	file, err := l.beginFile(base, sequence)
	if err != nil {
		return err
	}
	l.files = append(l.files, file)
	l.current = file
	l.base, l.at, l.sequence = base, fileHeaderBytes, sequence
	l.flushed, l.durable = l.last(), sequence-1
	if empty {
		if err := l.dropEmpty(); err != nil {
			return errors.Join(err, file.f.Close())
		}
	}
	return nil
}

// dropEmpty makes a spare of the last file but one, which has no records: many starts
// in a row leave one file, and zero none.
func (l *FileLog) dropEmpty() error {
	at := len(l.files) - 2
	empty := l.files[at]
	keep := len(l.spares) < l.options.SparesMax && int64(empty.size) == l.options.FileBytes
	if err := l.unname(empty, keep); err != nil {
		return err
	}
	l.files = append(l.files[:at], l.files[at+1:]...)
	return l.fs.SyncDir(l.dir)
}

// list reads the headers of the files that are there.
func (l *FileLog) list() error {
	entries, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), sparePrefix) {
			if err := l.keepSpare(e); err != nil {
				return err
			}
			continue
		}
		base, ok := parseFileName(e.Name())
		if !ok {
			continue
		}
		f, err := l.readHeader(base)
		if err != nil {
			return err
		}
		if n := len(l.files); n > 0 && (base < l.files[n-1].end() || f.sequence < l.files[n-1].sequence) {
			return l.corrupt(base, "file overlaps the one before")
		}
		l.files = append(l.files, f) // List is by name, which is by base
	}
	return nil
}

// keepSpare takes over a spare of an earlier process if it has the right size;
// what is in it does not matter.
func (l *FileLog) keepSpare(e fs.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimPrefix(e.Name(), sparePrefix))
	if err != nil || info.Size() != l.options.FileBytes || len(l.spares) >= l.options.SparesMax {
		return l.fs.Remove(l.path(e.Name()))
	}
	l.nspare = max(l.nspare, n)
	l.spares = append(l.spares, e.Name())
	return nil
}

func (l *FileLog) readHeader(base uint64) (*logFile, error) {
	f, err := l.fs.Open(l.path(fileName(base)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, fileHeaderBytes)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	h, err := decodeFileHeader(b[:n])
	if err != nil {
		return nil, l.corrupt(base, err.Error())
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if uint64(size) != h.size { // it was complete before it got its name
		return nil, l.corrupt(base, fmt.Sprintf("file has %d bytes of %d", size, h.size))
	}
	if h.base != base || h.stream != l.options.Stream {
		return nil, l.corrupt(base, fmt.Sprintf("file is of position %d/%X", h.stream, h.base))
	}
	if h.epoch > l.options.Epoch {
		return nil, fmt.Errorf("%w: written by owner epoch %d, this one is %d", ErrFenced, h.epoch, l.options.Epoch)
	}
	return &logFile{fileHeader: *h}, nil
}

func (l *FileLog) corrupt(offset uint64, reason string) error {
	return &CorruptionError{Position: Position{Stream: l.options.Stream, Offset: offset}, Reason: reason}
}

// findEnd returns the sequence after the last record of the last file. What is
// there is synced first: after a crash of the process alone it may still be on
// its way to the disk, and will be taken for durable from here on.
func (l *FileLog) findEnd(last *logFile, closed *endMark) (next uint64, err error) {
	f, err := l.fs.OpenReadWrite(l.path(fileName(last.base)))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SyncData(); err != nil {
		return 0, err
	}
	head := prefix{file: f, bytesMax: int64(last.size)}
	if err := head.extend(); err != nil {
		return 0, err
	}
	end, next, reason := walk(head.content, last.base, last.sequence)
	for !head.whole && !endsIn(head.content[end:], int64(last.size)-int64(end)) {
		if err := head.extend(); err != nil {
			return 0, err
		}
		end, next, reason = walkFrom(head.content, last.base, end, next)
	}
	at, err := findDurableIn(f, int64(end), int64(last.size), last.base, next)
	if err == nil && at >= 0 {
		err = l.corrupt(last.base+uint64(end), fmt.Sprintf("%s, and a later record lies at %X", reason, last.base+uint64(at)))
	} else if lacks := closed.lacks(next); err == nil && lacks != "" {
		err = l.corrupt(last.base+uint64(end), fmt.Sprintf("%s: %s", reason, lacks))
	}
	return next, err
}

// walk goes over the frames of a file to the first that is none.
func walk(content []byte, base, first uint64) (end int, next uint64, reason string) {
	return walkFrom(content, base, min(fileHeaderBytes, len(content)), first)
}

// walkFrom is walk from the frame at end on, whose sequence is to be next.
func walkFrom(content []byte, base uint64, end int, next uint64) (int, uint64, string) {
	for {
		f, reason := decodeFrame(content[end:], base)
		if reason == "" && f.sequence != next {
			reason = fmt.Sprintf("record %d where %d is next", f.sequence, next)
		}
		if reason != "" {
			return end, next, reason
		}
		end, next = end+f.bytes, next+1
	}
}

// readWhole reads a file; bytes it lacks of size are left out.
func readWhole(f vfs.File, size int64) ([]byte, error) {
	have, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, have))
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return b[:n], err
}
