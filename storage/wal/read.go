package wal

import (
	"context"
	"errors"
	"io"

	"quiver/storage/vfs"
)

// Read calls f for every durable record at or after from, in order. What is
// appended meanwhile is left out.
func (l *FileLog) Read(ctx context.Context, from Position, f func(p Position, record []byte) error) error {
	l.mu.Lock()
	files := append([]*logFile(nil), l.files...)
	durable := l.durable
	l.mu.Unlock()
	if from.Offset > 0 && from.Offset < files[0].base {
		return ErrCut
	}
	for i, file := range files {
		// stop is the sequence after the file's last durable record.
		stop := durable + 1
		if i+1 < len(files) {
			if files[i+1].base <= from.Offset {
				continue
			}
			stop = files[i+1].sequence
		}
		if err := l.readFile(ctx, file, stop, from, f); err != nil {
			if l.wasCut(file) {
				return ErrCut
			}
			return err
		}
	}
	return nil
}

// readFile reads records up to the sequence stop; one that cannot be read is
// corrupt, since the end of the log is known.
func (l *FileLog) readFile(ctx context.Context, file *logFile, stop uint64, from Position, f func(Position, []byte) error) (err error) {
	if file.sequence == stop {
		return nil
	}
	r, err := l.fs.Open(l.path(fileName(file.base)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := prefix{file: r, bytesMax: int64(file.size)}
	if err := head.extend(); err != nil {
		return err
	}
	at := min(fileHeaderBytes, len(head.content))
	for sequence := file.sequence; sequence < stop; sequence++ {
		if sequence%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		frame, reason := decodeFrame(head.content[at:], file.base)
		for reason != "" && !head.whole {
			if err := head.extend(); err != nil {
				return err
			}
			frame, reason = decodeFrame(head.content[at:], file.base)
		}
		if reason == "" && frame.sequence != sequence {
			reason = "record out of sequence"
		}
		p := Position{Stream: l.options.Stream, Offset: file.base + uint64(at)}
		if reason != "" {
			return &CorruptionError{Position: p, Reason: reason}
		}
		if p.Offset >= from.Offset {
			if err := f(p, frame.record); err != nil {
				return err
			}
		}
		at += frame.bytes
	}
	return nil
}

// prefixBytesMin is how much of a file is read first: each start begins a new
// file, so after many starts in a row there are many with little in them.
const prefixBytesMin = 128 << 10

// prefix is the first part of a file, as far as somebody asked.
type prefix struct {
	file     vfs.File
	bytesMax int64
	content  []byte
	whole    bool // there is no more
}

// extend reads on; slices of the content stay what they are.
func (p *prefix) extend() error {
	have, err := p.file.Size()
	if err != nil {
		return err
	}
	size := min(max(prefixBytesMin, 4*int64(len(p.content))), p.bytesMax, have)
	content := make([]byte, size)
	n := copy(content, p.content)
	more, err := p.file.ReadAt(content[n:], int64(n))
	if err != nil && err != io.EOF {
		return err
	}
	p.content = content[:n+more]
	p.whole = size == min(p.bytesMax, have) || more < len(content)-n
	return nil
}

// wasCut says whether a file that could not be read is cut meanwhile: it may be
// gone, or hold its next life's records.
func (l *FileLog) wasCut(file *logFile) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return file.cut
}
