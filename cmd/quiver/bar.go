package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// bar shows how far something is, on a terminal; elsewhere it shows nothing.
type bar struct {
	out   io.Writer
	quiet bool

	mu    sync.Mutex // guards what follows
	last  time.Time
	shown int
}

// barEvery is how often a bar is drawn at most.
const barEvery = 100 * time.Millisecond

const barWidth = 30

func newBar(out *os.File, quiet bool) *bar {
	info, err := out.Stat()
	return &bar{out: out, quiet: quiet || err != nil || info.Mode()&os.ModeCharDevice == 0}
}

// show draws the bar.
func (b *bar) show(what string, done, total int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.quiet || time.Since(b.last) < barEvery {
		return
	}
	b.last = time.Now()
	text := barText(what, done, total)
	fmt.Fprintf(b.out, "\r%s%s", text, strings.Repeat(" ", max(0, b.shown-len(text))))
	b.shown = len(text)
}

// barText is what a bar shows: name, bar, share, and both sizes.
func barText(what string, done, total int64) string {
	if total <= 0 {
		return what
	}
	done = min(done, total)
	filled := int(barWidth * float64(done) / float64(total))
	d, t := byteSize(done), byteSize(total)
	return fmt.Sprintf("%s [%s%s] %d%% of %s, %s", what, strings.Repeat("#", filled), strings.Repeat("-", barWidth-filled),
		int(100*float64(done)/float64(total)), roundSize(t), roundSize(d))
}

// roundSize prints a size with its largest unit.
func roundSize(b byteSize) string {
	for _, u := range byteUnits {
		if int64(b) >= u.bytes {
			return fmt.Sprintf("%.1f%s", float64(b)/float64(u.bytes), u.suffix)
		}
	}
	return "0B"
}

// clear makes room for a line of output.
func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shown > 0 {
		fmt.Fprintf(b.out, "\r%s\r", strings.Repeat(" ", b.shown))
		b.shown = 0
	}
}

// end takes the bar away.
func (b *bar) end() { b.clear() }
