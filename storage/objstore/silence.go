package objstore

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// silenceMax is how long a server that was asked something may neither send nor take
// a byte: one that accepts connections and never answers is as good as down, and the
// request is tried again. A large body that goes slowly is no silence.
const silenceMax = 10 * time.Second

// dialMax bounds how long a connection is waited for.
const dialMax = 10 * time.Second

type dialContext = func(ctx context.Context, network, address string) (net.Conn, error)

// notSilent has the connections of dial fail when nothing passes for so long. That
// ends connections that wait for another request as well; the next one dials.
func notSilent(dial dialContext, silence time.Duration) dialContext {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &heardConn{Conn: conn, silence: silence}
		c.heard()
		return c, nil
	}
}

// heardConn is a connection that fails when nothing passes for a while in either
// direction: who waits for an answer does so from the begin of the request, the body
// of which may take longer.
type heardConn struct {
	net.Conn
	silence time.Duration
	last    atomic.Int64 // when something passed, in nanoseconds since 1970
}

func (c *heardConn) heard() { c.last.Store(time.Now().UnixNano()) }

// until is when silence has lasted too long.
func (c *heardConn) until() time.Time { return time.Unix(0, c.last.Load()).Add(c.silence) }

// Read implements net.Conn.
func (c *heardConn) Read(b []byte) (int, error) {
	return c.pass(c.Conn.SetReadDeadline, func() (int, error) { return c.Conn.Read(b) })
}

// Write implements net.Conn.
func (c *heardConn) Write(b []byte) (n int, err error) {
	c.heard()
	for {
		var some int
		some, err = c.pass(c.Conn.SetWriteDeadline, func() (int, error) { return c.Conn.Write(b[n:]) })
		n += some
		if err == nil || some == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// pass does what has a deadline, again as long as something passed meanwhile.
func (c *heardConn) pass(deadline func(time.Time) error, do func() (int, error)) (int, error) {
	for {
		until := c.until()
		if err := deadline(until); err != nil {
			return 0, err
		}
		n, err := do()
		if n > 0 {
			c.heard()
		}
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !c.until().After(until) {
			return n, err
		}
	}
}
