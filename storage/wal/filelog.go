package wal

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"quiver/storage/vfs"
)

// FileOptions of a FileLog; zero fields have defaults.
type FileOptions struct {
	// Stream numbers the log in its positions.
	Stream uint32
	// Epoch is the owner's: a log that a higher epoch wrote is not opened.
	Epoch uint64
	// FileBytes is the size of a file (default 16 MiB). A record must fit.
	FileBytes int64
	// PendingBytesMax bounds what waits to be written (default 8 MiB); past it
	// Append waits. From a 32nd part of it on, the log writes unasked.
	PendingBytesMax int
	// SparesMax is how many files that were cut are kept at most to be used
	// again (default 64); spares.go says how many of them are wanted.
	SparesMax int
}

func (o *FileOptions) setDefaults() {
	if o.FileBytes == 0 {
		o.FileBytes = 16 << 20
	}
	if o.PendingBytesMax == 0 {
		o.PendingBytesMax = 8 << 20
	}
	if o.SparesMax == 0 {
		o.SparesMax = 64
	}
}

// FileLog is a Log over files of one directory.
//
// Append frames the record into the pending batch and returns. Whoever waits for
// it first takes the batch, writes it, syncs once and completes its futures
// (writer.go); meanwhile the next batch gathers, so that concurrent commits
// share a sync, and a lone one changes goroutines for nothing.
// A second goroutine zeroes the next file ahead of need (files.go), since
// writing into blocks that were never written costs a sync a journal commit.
//
// Every Open begins a new file: what a power cut left of the last one's tail
// is never written over, and a record of it that was not acknowledged can
// never come back to life behind new ones.
type FileLog struct {
	fs      vfs.FS
	dir     string
	options FileOptions
	lock    io.Closer

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // pending shrank, or the log ended
	files   []*logFile // by base; the last is written to
	spares  []string   // names of zeroed or recycled files
	nspare  int        // for names of spares
	cutSize float64    // how many files a cut frees, see spares.go
	pending *batch
	free    [][]byte // buffers of written batches
	// base and at are where the next record goes, sequence is its number.
	base     uint64
	at       int64
	sequence uint64
	flushed  Position
	// durable is the sequence of the newest durable record.
	durable uint64
	fenced  error
	closed  bool

	// writing is held (a value sent) by whoever writes; it guards current.
	writing chan struct{}
	wake    chan struct{} // much is pending
	prepare chan struct{} // the preparer has
	stop    chan struct{}
	done    sync.WaitGroup

	current *logFile
	cutting sync.Mutex
}

// logFile is a file that holds records.
type logFile struct {
	fileHeader
	f vfs.File // open only while it is written to
	// cut says that it is on its way out; guarded by FileLog.mu.
	cut bool
}

func (f *logFile) end() uint64 { return f.base + f.size }

// batch is what one sync makes durable.
type batch struct {
	parts    []part
	bytes    int
	sequence uint64 // of its first record
	next     uint64 // after its last
	end      Position
	done     chan struct{}
	err      error // set before done is closed
}

// part is the records of a batch that go into one file.
type part struct {
	base     uint64
	at       int64
	sequence uint64 // of its first record
	buf      []byte
}

// future is one record's share of a batch.
type future struct {
	log      *FileLog
	position Position
	batch    *batch
}

func (f *future) Position() Position    { return f.position }
func (f *future) Done() <-chan struct{} { return f.batch.done }

// Wait writes the batch itself if nobody is writing.
func (f *future) Wait() error {
	b := f.batch
	select {
	case <-b.done:
		return b.err
	default:
	}
	select {
	case <-b.done:
	case f.log.writing <- struct{}{}:
		// Nobody else writes, so the batch is done or the pending one.
		select {
		case <-b.done:
		default:
			f.log.writePending()
		}
		<-f.log.writing
	}
	return b.err
}

// Append adds a record to the pending batch.
func (l *FileLog) Append(record []byte) (Future, error) {
	size := int64(frameBytes(len(record)))
	if len(record) > RecordBytesMax || size > l.options.FileBytes-fileHeaderBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(record))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.fenced == nil && !l.closed && l.pending != nil && l.pending.bytes >= l.options.PendingBytesMax {
		l.room.Wait()
	}
	if l.fenced != nil {
		return nil, l.fenced
	}
	if l.closed {
		return nil, ErrClosed
	}
	if l.at+size > l.options.FileBytes {
		l.base, l.at = l.base+uint64(l.options.FileBytes), fileHeaderBytes
	}
	p := l.part()
	p.buf = appendFrame(p.buf, p.base, l.sequence, uint32(l.sequence-l.pending.sequence), record)
	f := &future{log: l, position: Position{Stream: l.options.Stream, Offset: l.base + uint64(l.at)}, batch: l.pending}
	l.sequence++
	l.at += size
	b := l.pending
	b.bytes, b.next, b.end = b.bytes+int(size), l.sequence, l.last()
	if b.bytes >= l.options.PendingBytesMax/32 {
		signal(l.wake)
	}
	return f, nil
}

// part returns where the next record's frame goes.
func (l *FileLog) part() *part {
	if l.pending == nil {
		l.pending = &batch{sequence: l.sequence, done: make(chan struct{})}
	}
	b := l.pending
	if n := len(b.parts); n > 0 && b.parts[n-1].base == l.base {
		return &b.parts[n-1]
	}
	p := part{base: l.base, at: l.at, sequence: l.sequence}
	if n := len(l.free); n > 0 {
		p.buf, l.free = l.free[n-1], l.free[:n-1]
	}
	b.parts = append(b.parts, p)
	return &b.parts[len(b.parts)-1]
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (l *FileLog) last() Position {
	return Position{Stream: l.options.Stream, Offset: l.base + uint64(l.at)}
}

// Flushed is the end of the durable prefix.
func (l *FileLog) Flushed() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flushed
}

// Last is the end of what was appended.
func (l *FileLog) Last() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last()
}

// Bytes is the size of all files, spare ones included.
func (l *FileLog) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := int64(len(l.spares)) * l.options.FileBytes
	for _, f := range l.files {
		total += int64(f.size)
	}
	return total
}

// Fence makes every later Append and every unfinished future fail.
func (l *FileLog) Fence(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fence(cause)
}

func (l *FileLog) fence(cause error) {
	if l.fenced != nil {
		return
	}
	l.fenced = ErrFenced
	if cause != nil {
		l.fenced = fmt.Errorf("%w: %w", ErrFenced, cause)
	}
	if b := l.pending; b != nil {
		l.pending = nil
		b.finish(l.fenced)
	}
	l.room.Broadcast()
}

func (b *batch) finish(err error) {
	b.err = err
	close(b.done)
}

// Close writes what is pending, unless the log is fenced, and where the log ends, and
// gives the files back. Positions stay valid for the next Open.
func (l *FileLog) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.room.Broadcast()
	l.mu.Unlock()
	close(l.stop)
	l.done.Wait()
	l.cutting.Lock() // a Cut may still be at work
	defer l.cutting.Unlock()
	l.mu.Lock()
	end, sound := endMark{l.flushed, l.durable + 1}, l.fenced == nil
	l.mu.Unlock()
	if sound {
		_ = l.writeEnd(end) // the mark of an earlier end is true as well, so a full disk is no error
	}
	return errors.Join(l.current.f.Close(), l.lock.Close())
}
