package wal

import (
	"context"
	"errors"
	"io"

	"quiver/storage/vfs"
)

// Read calls f for every durable record at or after from, in order. What is
// appended meanwhile is left out. The files are read, and their records checked, by
// a goroutine that is up to a file ahead of f: a restart waits for the slower of the
// two, not for both.
func (l *FileLog) Read(ctx context.Context, from Position, f func(p Position, record []byte) error) error {
	l.mu.Lock()
	files := append([]*logFile(nil), l.files...)
	durable := l.durable
	l.mu.Unlock()
	if from.Offset > 0 && from.Offset < files[0].base {
		return ErrCut
	}
	ctx, cancel := context.WithCancel(ctx)
	contents := make(chan *readContent)
	spent := make(chan *readContent, readAtOnce)
	for range readAtOnce {
		spent <- &readContent{}
	}
	go func() {
		defer close(contents)
		l.readFiles(ctx, files, durable, from, contents, spent)
	}()
	defer func() {
		cancel()
		for range contents { // until the goroutine ends
		}
	}()
	for c := range contents {
		for _, r := range c.records {
			if err := f(r.at, r.record); err != nil {
				return err
			}
		}
		if c.err != nil {
			return c.err
		}
		spent <- c
	}
	return ctx.Err()
}

// readAtOnce is how many files are in memory during Read: one whose records are
// used, one that is read.
const readAtOnce = 2

// readContent is what was read of one file: its records, and what ended them early.
// Its memory is used again.
type readContent struct {
	buffer  []byte
	records []readRecord
	err     error
}

// readRecord is a record, a view of its file's content.
type readRecord struct {
	at     Position
	record []byte
}

// readFiles reads files one after the other until the context ends or one fails.
func (l *FileLog) readFiles(ctx context.Context, files []*logFile, durable uint64, from Position, to chan<- *readContent, spent <-chan *readContent) {
	for i, file := range files {
		// stop is the sequence after the file's last durable record.
		stop := durable + 1
		if i+1 < len(files) {
			if files[i+1].base <= from.Offset {
				continue
			}
			stop = files[i+1].sequence
		}
		var c *readContent
		select {
		case c = <-spent:
		case <-ctx.Done():
			return
		}
		c.records = c.records[:0]
		if c.err = l.readFile(ctx, file, stop, from, c); c.err != nil && l.wasCut(file) {
			c.err = ErrCut
		}
		select {
		case to <- c:
		case <-ctx.Done():
			return
		}
		if c.err != nil {
			return
		}
	}
}

// readFile reads records up to the sequence stop; one that cannot be read is
// corrupt, since the end of the log is known.
func (l *FileLog) readFile(ctx context.Context, file *logFile, stop uint64, from Position, c *readContent) (err error) {
	if file.sequence == stop {
		return nil
	}
	r, err := l.fs.Open(l.path(fileName(file.base)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	head := prefix{file: r, bytesMax: int64(file.size), content: c.buffer[:0]}
	defer func() { c.buffer = head.content }()
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
			c.records = append(c.records, readRecord{p, frame.record})
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

// extend reads on; slices of the content stay what they are. Beyond the first part
// there is room for all at once, so that nothing is copied twice.
func (p *prefix) extend() error {
	have, err := p.file.Size()
	if err != nil {
		return err
	}
	most := min(p.bytesMax, have)
	size, n := min(max(prefixBytesMin, 8*int64(len(p.content))), most), len(p.content)
	if int64(cap(p.content)) < size {
		room := size
		if n > 0 {
			room = most
		}
		p.content = append(make([]byte, 0, room), p.content...)
	}
	more, err := p.file.ReadAt(p.content[n:size], int64(n))
	if err != nil && err != io.EOF {
		return err
	}
	p.content = p.content[:n+more]
	p.whole = size == most || int64(n+more) < size
	return nil
}

// wasCut says whether a file that could not be read is cut meanwhile: it may be
// gone, or hold its next life's records.
func (l *FileLog) wasCut(file *logFile) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return file.cut
}
