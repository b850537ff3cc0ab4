package wal

import "time"

// writeLoop writes what gathers while nobody waits for it: much of it, and at
// Close the rest.
func (l *FileLog) writeLoop() {
	defer l.done.Done()
	for stopped := false; !stopped; {
		select {
		case <-l.wake:
		case <-l.stop:
			stopped = true
		}
		l.writing <- struct{}{}
		l.writePending()
		<-l.writing
	}
}

// writePending writes and syncs what is pending and completes its futures. The
// caller holds writing.
func (l *FileLog) writePending() {
	l.mu.Lock()
	b := l.pending
	l.pending = nil
	l.room.Broadcast()
	l.mu.Unlock()
	if b == nil {
		return
	}
	err := l.write(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.fence(err)
	}
	if l.fenced == nil {
		l.flushed, l.durable = b.end, b.next-1
		l.recycleBuffers(b)
	}
	b.finish(l.fenced)
}

// recycleBuffers keeps two buffers of moderate size: the one being written and
// the one being filled.
func (l *FileLog) recycleBuffers(b *batch) {
	for i := range b.parts {
		if buf := b.parts[i].buf; len(l.free) < 2 && cap(buf) <= 4<<20 {
			l.free = append(l.free, buf[:0])
		}
		b.parts[i].buf = nil
	}
}

func (l *FileLog) write(b *batch) error {
	for i := range b.parts {
		p := &b.parts[i]
		if p.base != l.current.base {
			if err := l.nextFile(p); err != nil {
				return err
			}
		}
		if p.at == fileHeaderBytes { // the file is begun, and will want a next
			signal(l.prepare)
		}
		if _, err := l.current.f.WriteAt(p.buf, p.at); err != nil {
			return err
		}
	}
	return l.current.f.SyncData()
}

// nextFile ends the current file and begins the one of p. The old one is synced
// first: that a file exists says that every record before it is durable.
func (l *FileLog) nextFile(p *part) error {
	old := l.current
	if err := old.f.SyncData(); err != nil {
		return err
	}
	next, err := l.beginFile(p.base, p.sequence)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.files = append(l.files, next)
	l.mu.Unlock()
	l.current = next
	err = old.f.Close()
	old.f = nil
	return err
}

// prepareAfter is how long a log that is opened and not written to waits before it
// makes a spare file, which the next open will want.
const prepareAfter = time.Second

// prepareLoop keeps one spare file ready.
func (l *FileLog) prepareLoop() {
	defer l.done.Done()
	first := time.NewTimer(prepareAfter)
	defer first.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-first.C:
		case <-l.prepare:
		}
		l.mu.Lock()
		enough := len(l.spares) > 0
		l.mu.Unlock()
		if enough {
			continue
		}
		// An error shows again, and fences, when the file is needed.
		if name, err := l.zeroFile(l.stop); err == nil {
			l.mu.Lock()
			l.spares = append(l.spares, name)
			l.mu.Unlock()
		}
	}
}
