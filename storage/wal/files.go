package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"quiver/storage/vfs"
)

func (l *FileLog) path(name string) string { return path.Join(l.dir, name) }

// spareName makes a name that no file has.
func (l *FileLog) spareName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nspare++
	return fmt.Sprintf("%s%d", sparePrefix, l.nspare)
}

// zeroFile makes a spare file of zeros and returns its name. It needs no sync
// of its directory: beginFile does it. It gives up when stop is closed.
func (l *FileLog) zeroFile(stop <-chan struct{}) (name string, err error) {
	name = l.spareName()
	f, err := l.fs.Create(l.path(name))
	if err != nil {
		return "", err
	}
	err = zero(stop, f, l.options.FileBytes)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, l.fs.Remove(l.path(name)))
	}
	return name, nil
}

func zero(stop <-chan struct{}, f vfs.File, size int64) error {
	if err := f.Allocate(size); err != nil {
		return err
	}
	zeros := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(zeros)) {
		select {
		case <-stop:
			return ErrClosed
		default:
		}
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return f.SyncData()
}

// beginFile turns a spare into the file that begins at base. The header is
// durable before the name: a crash between leaves a spare.
func (l *FileLog) beginFile(base, sequence uint64) (*logFile, error) {
	name, err := l.takeSpare()
	if err != nil {
		return nil, err
	}
	file := &logFile{fileHeader: fileHeader{
		stream: l.options.Stream, epoch: l.options.Epoch, base: base, size: uint64(l.options.FileBytes), sequence: sequence,
	}}
	if err := l.writeHeader(name, file.encode()); err != nil {
		return nil, err
	}
	final := l.path(fileName(base))
	if _, err := l.fs.Stat(final); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("log file %s is there already", final), err)
	}
	if err := l.fs.Rename(l.path(name), final); err != nil {
		return nil, err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return nil, err
	}
	file.f, err = l.fs.OpenReadWrite(final)
	return file, err
}

func (l *FileLog) writeHeader(name string, header []byte) error {
	f, err := l.fs.OpenReadWrite(l.path(name))
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(header, 0); err == nil {
		err = f.SyncData()
	}
	return errors.Join(err, f.Close())
}

func (l *FileLog) takeSpare() (name string, err error) {
	l.mu.Lock()
	if n := len(l.spares); n > 0 {
		name, l.spares = l.spares[n-1], l.spares[:n-1]
	}
	l.mu.Unlock()
	if name != "" {
		return name, nil
	}
	return l.zeroFile(nil)
}

// Cut recycles or removes the files whose records all lie below before.
func (l *FileLog) Cut(ctx context.Context, before Position) error {
	l.cutting.Lock()
	defer l.cutting.Unlock()
	wanted := l.sparesWanted(before)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return ErrClosed
		}
		if len(l.files) < 2 || l.files[1].base > before.Offset {
			l.mu.Unlock()
			return l.dropSpares(wanted)
		}
		oldest := l.files[0]
		oldest.cut = true
		keep := len(l.spares) < wanted && int64(oldest.size) == l.options.FileBytes
		l.mu.Unlock()
		if err := l.drop(oldest, keep); err != nil {
			return err
		}
	}
}

// drop forgets the oldest file. Its name goes before the next one's does, so
// that a power cut never leaves a gap.
func (l *FileLog) drop(f *logFile, keep bool) error {
	if err := l.unname(f, keep); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = l.files[1:]
	return nil
}

// unname makes a file a spare, or removes it.
func (l *FileLog) unname(f *logFile, keep bool) error {
	name := l.path(fileName(f.base))
	spare := ""
	var err error
	if keep {
		spare = l.spareName()
		err = l.fs.Rename(name, l.path(spare))
	} else {
		err = l.fs.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // an earlier try may have got that far
		return err
	}
	if err == nil && spare != "" {
		l.mu.Lock()
		l.spares = append(l.spares, spare)
		l.mu.Unlock()
	}
	return nil
}
