package main

import (
	"context"
	"net"
	"runtime"
	"syscall"
	"time"
)

// blockingConn is a connection whose reads and writes are system calls that block
// their thread: an answer wakes the one thread that waits for it. Go's own
// connections wait all in one thread, which wakes another; of two processors, that
// the client shares with the server, this takes as much as a short search.
type blockingConn struct {
	net.Conn
	fd int
}

// dialBlocking connects for pgconn.Config.DialFunc.
func dialBlocking(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &blockingConn{Conn: conn}
	if controlErr := raw.Control(func(fd uintptr) {
		c.fd, err = int(fd), syscall.SetNonblock(int(fd), false)
	}); controlErr != nil {
		err = controlErr
	}
	return c, err
}

func (c *blockingConn) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, b)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, net.ErrClosed
		default:
			return n, nil
		}
	}
}

func (c *blockingConn) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := syscall.Write(c.fd, b[done:])
		if err != nil && err != syscall.EINTR {
			return done, err
		}
		done += max(n, 0)
	}
	return done, nil
}

// Deadlines do not end a system call: what is measured has none.

func (c *blockingConn) SetDeadline(time.Time) error      { return nil }
func (c *blockingConn) SetReadDeadline(time.Time) error  { return nil }
func (c *blockingConn) SetWriteDeadline(time.Time) error { return nil }

// processorsFor gives each of so many clients a processor of Go's, which a thread
// in a system call keeps for a while; what it returns takes them back.
func processorsFor(clients int) (back func()) {
	before := runtime.GOMAXPROCS(2*clients + 2)
	return func() { runtime.GOMAXPROCS(before) }
}
