package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// usage is resident memory of a process: its own, and that of mapped files.
type usage struct{ anon, file int64 }

// memory looks at what a process has every so often, and keeps the most.
type memory struct {
	pid   int
	quit  chan struct{}
	ended sync.WaitGroup

	mu   sync.Mutex // guards peak
	peak usage
}

const watchEvery = 5 * time.Millisecond

func watch(pid int) (*memory, error) {
	m := &memory{pid: pid, quit: make(chan struct{})}
	if _, err := m.now(); err != nil {
		return nil, err
	}
	m.ended.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-m.quit:
				return
			case <-tick.C:
			}
			if now, err := m.now(); err == nil { // else it has ended, which its statements tell
				m.note(now)
			}
		}
	})
	return m, nil
}

func (m *memory) note(now usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = usage{max(m.peak.anon, now.anon), max(m.peak.file, now.file)}
}

// take returns the most since the last call.
func (m *memory) take() usage {
	if now, err := m.now(); err == nil {
		m.note(now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	peak := m.peak
	m.peak = usage{}
	return peak
}

func (m *memory) stop() {
	close(m.quit)
	m.ended.Wait()
}

func (m *memory) now() (u usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
	if err != nil {
		return u, err
	}
	for line := range bytes.Lines(status) {
		for name, to := range map[string]*int64{"RssAnon:": &u.anon, "RssFile:": &u.file} {
			if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
				kb, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
				if err != nil {
					return u, err
				}
				*to = kb << 10
			}
		}
	}
	if u == (usage{}) {
		return u, fmt.Errorf("no resident memory in /proc/%d/status", m.pid)
	}
	return u, nil
}
