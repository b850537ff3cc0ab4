package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"

	"quiver/storage/vfs"
)

// endName is the file that says how far the log reached when it was closed last. What
// cannot be read at the end of a log is taken for a write that a crash tore; behind
// this position it can be, before it, it is damage. The log only gets longer, so the
// file stays true while the log is open and after a crash.
const endName = "end"

const (
	endMagic   = "QEND"
	endVersion = 1
	endBytes   = 40
)

// endMark is what the file says.
type endMark struct {
	at   Position
	next uint64 // sequence of the record that would lie there; 0: the log was never closed
}

func (m *endMark) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, endBytes), endMagic...)
	b = le.AppendUint32(b, endVersion)
	b = le.AppendUint32(b, m.at.Stream)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, m.at.Offset)
	b = le.AppendUint64(b, m.next)
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeEnd(b []byte) (m endMark, err error) {
	le := binary.LittleEndian
	switch {
	case len(b) != endBytes || string(b[:4]) != endMagic || le.Uint32(b[36:]) != crc32.Checksum(b[:36], castagnoli):
		return m, fmt.Errorf("the file %s, which says where the log ended, is damaged; without it the log ends where its records do", endName)
	case le.Uint32(b[4:]) != endVersion:
		return m, fmt.Errorf("version %d of the file %s is not known", le.Uint32(b[4:]), endName)
	}
	return endMark{Position{le.Uint32(b[8:]), le.Uint64(b[16:])}, le.Uint64(b[24:])}, nil
}

// readEnd reads the mark of a log; a zero one if it has none.
func readEnd(fsys vfs.FS, dir string) (endMark, error) {
	f, err := fsys.Open(path.Join(dir, endName))
	if errors.Is(err, fs.ErrNotExist) {
		return endMark{}, nil
	}
	if err != nil {
		return endMark{}, err
	}
	b := make([]byte, endBytes+1)
	n, err := f.ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return endMark{}, err
	}
	m, err := decodeEnd(b[:n])
	if err != nil {
		return m, &CorruptionError{Reason: err.Error()}
	}
	return m, nil
}

// lacks says what is wrong with a log whose next record is next; "" for nothing.
func (m *endMark) lacks(next uint64) string {
	if next >= m.next {
		return ""
	}
	return fmt.Sprintf("record %d and all up to %d, which was at the end when the log was closed, cannot be read", next, m.next-1)
}

// writeEnd replaces the mark whole.
func (l *FileLog) writeEnd(m endMark) error {
	temp := l.path(endName + ".tmp")
	if err := l.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.fs.Create(temp)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(m.encode(), 0); err == nil {
		err = f.SyncData()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(temp, l.path(endName)); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}
