package catalog

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
)

// memWatcher is one Watch: events wait in queue for its goroutine, so that a
// slow reader holds nobody up.
type memWatcher struct {
	prefix string
	seen   int64 // the last revision queued

	mu    sync.Mutex // guards queue and ended
	queue []Event
	ended bool
	wake  chan struct{}
}

// Watch sends the changes under prefix from rev on until ctx ends.
func (m *MemKV) Watch(ctx context.Context, prefix string, rev int64) <-chan Event {
	out := make(chan Event)
	w := &memWatcher{prefix: prefix, wake: make(chan struct{}, 1)}
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if rev == 0 {
		rev = s.rev + 1
	}
	w.seen = rev - 1
	switch {
	case m.power != s.power:
		s.endWatch(w, ErrUnavailable)
	case rev <= s.compacted:
		s.endWatch(w, ErrCompacted)
	default:
		s.watchers[w] = struct{}{}
		s.feed(w)
	}
	go w.run(ctx, s, out)
	return out
}

// notify queues what has changed for every watcher.
func (s *MemStore) notify() {
	for w := range s.watchers {
		s.feed(w)
	}
}

func (s *MemStore) feed(w *memWatcher) {
	var events []Event
	for key, versions := range s.history {
		if !strings.HasPrefix(key, w.prefix) {
			continue
		}
		for _, v := range versions {
			if v.rev > w.seen {
				events = append(events, Event{KeyValue: KeyValue{key, bytes.Clone(v.value), v.rev}, Deleted: v.deleted})
			}
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		if a.ModRevision != b.ModRevision {
			return int(a.ModRevision - b.ModRevision)
		}
		return strings.Compare(a.Key, b.Key)
	})
	w.seen = max(w.seen, s.rev)
	w.push(events...)
}

func (s *MemStore) endWatch(w *memWatcher, err error) {
	delete(s.watchers, w)
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.push(Event{Err: err})
}

func (w *memWatcher) push(events ...Event) {
	w.mu.Lock()
	w.queue = append(w.queue, events...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *memWatcher) take() (events []Event, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, w.queue = w.queue, nil
	return events, w.ended
}

func (w *memWatcher) run(ctx context.Context, s *MemStore, out chan<- Event) {
	defer close(out)
	defer func() {
		s.mu.Lock()
		delete(s.watchers, w)
		s.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		events, ended := w.take()
		for _, e := range events {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		if ended {
			return
		}
	}
}
