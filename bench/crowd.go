package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sys/unix"
)

// crowd is several clients in one thread, which waits for all their connections at
// once (ppoll). With a thread each, of two processors that the client shares with
// the server, threads that wake and sleep took as much as a quarter of a search.
type crowd struct {
	requests [][]byte // of each query: what libpq sends for a prepared statement
	clients  []crowdClient
	polled   []unix.PollFd // the connections of clients, in order
	idle     []int         // clients with no search under way
	times    []time.Duration
}

// crowdClient is one connection and its search under way.
type crowdClient struct {
	fd  int
	due time.Time
	in  []byte // of the answer, what is not yet a whole message
}

// newCrowd takes the first so many connections of w, opened by dialBlocking and
// with nothing under way.
func (w *wire) newCrowd(clients int) (*crowd, error) {
	c := &crowd{}
	for q := range w.queries {
		request, err := w.request(q)
		if err != nil {
			return nil, err
		}
		c.requests = append(c.requests, request)
	}
	for i, conn := range w.conns[:clients] {
		fd := conn.Conn().(*blockingConn).fd
		c.clients = append(c.clients, crowdClient{fd: fd})
		c.polled = append(c.polled, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		c.idle = append(c.idle, i)
	}
	return c, nil
}

// request is the messages of search as bytes.
func (w *wire) request(q int) (bytes []byte, err error) {
	bind := w.bind(q)
	for _, m := range []pgproto3.FrontendMessage{&bind, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{}} {
		if bytes, err = m.Encode(bytes); err != nil {
			return nil, err
		}
	}
	return bytes, nil
}

// run sends searches for a while, perSecond of them or, when that is 0, the next as
// soon as one was answered. A search that is due waits for an idle client. It
// returns how long each took from when it was due.
func (c *crowd) run(d time.Duration, perSecond float64) ([]time.Duration, error) {
	start := time.Now()
	end := start.Add(d)
	woken := start
	sent := 0
	// next is when the next search is due; the zero time is never.
	next := func(now time.Time) time.Time {
		due := now
		if perSecond > 0 {
			due = start.Add(time.Duration(float64(sent) / perSecond * float64(time.Second)))
		}
		if !due.Before(end) {
			return time.Time{}
		}
		return due
	}
	send := func(now time.Time) error {
		for len(c.idle) > 0 {
			due := next(now)
			if due.IsZero() || due.After(now) {
				return nil
			}
			// The system wakes a sleeper late: that is not the server's time.
			if due.Before(woken) {
				due = woken
			}
			if err := c.ask(sent, due); err != nil {
				return err
			}
			sent++
		}
		return nil
	}
	for {
		now := time.Now()
		if err := send(now); err != nil {
			return nil, err
		}
		due := next(now)
		if due.IsZero() && len(c.idle) == len(c.clients) {
			return c.times, nil
		}
		var timeout *unix.Timespec
		if !due.IsZero() && len(c.idle) > 0 {
			t := unix.NsecToTimespec(max(0, int64(time.Until(due))))
			timeout = &t
		}
		ready, err := unix.Ppoll(c.polled, timeout, nil)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
		if ready == 0 {
			woken = time.Now()
		}
		for i := range c.polled {
			if ready <= 0 || c.polled[i].Revents == 0 {
				continue
			}
			if err := c.receive(i); err != nil {
				return nil, err
			}
			if err := send(time.Now()); err != nil {
				return nil, err
			}
		}
	}
}

// ask has an idle client send the n-th search.
func (c *crowd) ask(n int, due time.Time) error {
	last := len(c.idle) - 1
	client := &c.clients[c.idle[last]]
	c.idle = c.idle[:last]
	client.due = due
	request := c.requests[n%len(c.requests)]
	sent, err := syscall.Write(client.fd, request)
	if err == nil && sent != len(request) {
		err = io.ErrShortWrite // a blocking socket takes all
	}
	return err
}

// receive reads what came for a client. With the end of the answer it is idle.
func (c *crowd) receive(i int) error {
	client := &c.clients[i]
	client.in = slices.Grow(client.in, 16<<10)
	n, err := syscall.Read(client.fd, client.in[len(client.in):cap(client.in)])
	if err != nil || n == 0 {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	client.in = client.in[:len(client.in)+n]
	done := 0
	for rest := client.in; len(rest) >= 5; rest = client.in[done:] {
		size := 1 + int(binary.BigEndian.Uint32(rest[1:]))
		if len(rest) < size {
			break
		}
		switch rest[0] {
		case 'E':
			return fmt.Errorf("a search failed: %q", rest[5:size])
		case 'Z': // ReadyForQuery
			c.times = append(c.times, time.Since(client.due))
			c.idle = append(c.idle, i)
		}
		done += size
	}
	client.in = slices.Delete(client.in, 0, done)
	return nil
}
