package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"quiver/server/pgwire"
	"quiver/server/session"
	"quiver/sql/sqlerr"
)

const (
	// authTimeout bounds startup and authentication.
	authTimeout = time.Minute
	// stopTimeout is how long Close waits for sessions to end.
	stopTimeout = 10 * time.Second
)

// Options says how to serve.
type Options struct {
	// Config is what sessions share.
	Config *session.Config
	// Addr is HOST:PORT of the Postgres wire, HTTPAddr of the side port ("" for
	// none).
	Addr, HTTPAddr string
	// User is the one user there is; "" is postgres.
	User string
	// PasswordFile holds the user's password or SCRAM verifier; "" trusts
	// clients of the loopback interface.
	PasswordFile string
	// ConnectionsMax bounds concurrent clients; 0 is 1000.
	ConnectionsMax int
	Logger         *slog.Logger
}

// Server serves clients until Close.
type Server struct {
	opts     Options
	auth     authenticator
	listener net.Listener
	http     *http.Server
	httpAddr net.Addr

	stop     context.CancelCauseFunc
	stopping context.Context //nolint:containedctx // the server's life, which sessions' contexts come from
	clients  sync.WaitGroup

	mu      sync.Mutex // guards the rest
	lastPID int32
	live    map[int32]*client
	closed  bool
}

// client is one connection.
type client struct {
	conn    *pgwire.Conn
	session *session.Session
	secret  uint32
}

var errStopping = errors.New("terminating connection due to administrator command")

// Listen opens the ports. Clients are served once Serve runs.
func Listen(opts Options) (*Server, error) {
	if opts.User == "" {
		opts.User = "postgres"
	}
	if opts.ConnectionsMax == 0 {
		opts.ConnectionsMax = 1000
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	auth, err := newAuthenticator(opts.User, opts.PasswordFile)
	if err != nil {
		return nil, err
	}
	if opts.PasswordFile == "" {
		if err := onlyLoopback(opts.Addr); err != nil {
			return nil, err
		}
	}
	if err := opts.Config.ProvideLive(); err != nil {
		return nil, err
	}
	s := &Server{opts: opts, auth: auth, live: map[int32]*client{}}
	s.stopping, s.stop = context.WithCancelCause(context.Background())
	if s.listener, err = net.Listen("tcp", opts.Addr); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	opts.Config.Presets = s.presets(opts.Config.Presets)
	if opts.HTTPAddr != "" {
		if err := s.listenHTTP(opts.HTTPAddr); err != nil {
			return nil, errors.Join(fmt.Errorf("--http: %w", err), s.listener.Close())
		}
	}
	return s, nil
}

// presets are the settings that clients are shown of the server itself.
func (s *Server) presets(given map[string]string) map[string]string {
	all := map[string]string{"max_connections": strconv.Itoa(s.opts.ConnectionsMax)}
	if host, port, err := net.SplitHostPort(s.listener.Addr().String()); err == nil {
		all["listen_addresses"], all["port"] = host, port
	}
	maps.Copy(all, given)
	return all
}

// onlyLoopback refuses an address that other machines could reach.
func onlyLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", addr, err)
	}
	if host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen %s is not the loopback interface: give --password-file to listen there", addr)
}

// Addr is the address listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// HTTPAddr is the address of the side port; nil without one.
func (s *Server) HTTPAddr() net.Addr { return s.httpAddr }

// Serve accepts clients until ctx ends or Close.
func (s *Server) Serve(ctx context.Context) error {
	stopped := context.AfterFunc(ctx, func() {
		// Accept ends with the listener.
		_ = s.listener.Close()
	})
	defer stopped()
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			s.accept(conn)
			continue
		}
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed || ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, net.ErrClosed) {
			// Out of file descriptors, perhaps: others may go.
			s.opts.Logger.Error("accept", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		return err
	}
}

// accept starts a client's goroutine.
func (s *Server) accept(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return
	}
	s.lastPID = s.lastPID%0x7ffffff + 1
	for s.live[s.lastPID] != nil {
		s.lastPID++
	}
	c := &client{conn: pgwire.NewConn(conn)}
	s.live[s.lastPID] = c
	s.clients.Add(1)
	go s.serve(c, s.lastPID)
}

// serve is the life of one connection.
func (s *Server) serve(c *client, pid int32) {
	defer s.clients.Done()
	defer s.forget(c, pid)
	defer func() {
		if p := recover(); p != nil {
			s.opts.Logger.Error("panic in a session", "panic", p, "pid", pid, "stack", string(debug.Stack()))
			c.conn.Fatal(sqlerr.New(sqlerr.InternalError, "internal error: %v", p))
		}
	}()
	if err := s.handshake(c, pid); err != nil {
		var e *sqlerr.Error
		if errors.As(err, &e) {
			c.conn.Fatal(e)
		}
		return
	}
	if c.session == nil { // a cancel request
		return
	}
	defer c.session.Close()
	if err := c.conn.Serve(c.session); err != nil && !pgwire.Gone(err) {
		s.opts.Logger.Info("connection ended", "pid", pid, "error", err)
	}
}

// handshake goes from the first byte to a session.
func (s *Server) handshake(c *client, pid int32) error {
	// Deadlines fail only on a closed connection, and so will what follows.
	_ = c.conn.NetConn().SetDeadline(time.Now().Add(authTimeout))
	startup, err := c.conn.Accept()
	if err != nil {
		return err
	}
	if startup.Cancel {
		s.cancel(startup)
		return nil
	}
	if err := s.auth.authenticate(c.conn, startup); err != nil {
		return err
	}
	if err := s.admit(); err != nil {
		return err
	}
	if c.secret, err = newSecret(); err != nil {
		return err
	}
	sess, err := session.New(s.stopping, s.opts.Config, c.conn, startup, pid)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c.session = sess
	s.mu.Unlock()
	if err := c.conn.AuthenticationOK(); err != nil {
		return err
	}
	if err := sess.Greet(); err != nil {
		return err
	}
	_ = c.conn.NetConn().SetDeadline(time.Time{})
	return c.conn.BackendKeyData(uint32(pid), c.secret)
}

// admit refuses clients beyond the most.
func (s *Server) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) > s.opts.ConnectionsMax {
		return sqlerr.New(sqlerr.TooManyConnections, "sorry, too many clients already")
	}
	return nil
}

func newSecret() (uint32, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b[:]), nil
}

// cancel ends the statement of the session that a CancelRequest names; a wrong
// key is silently ignored.
func (s *Server) cancel(r *pgwire.Startup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.live[int32(r.CancelPID)]; c != nil && c.session != nil && c.secret == r.CancelID {
		c.session.Cancel()
	}
}

func (s *Server) forget(c *client, pid int32) {
	// What the client has not read by now it never will.
	_ = c.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, pid)
}

// Close ends every session and waits for them. Statements that run are
// cancelled and rolled back.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	s.stop(errStopping)
	s.mu.Lock()
	for _, c := range s.live {
		if c.session == nil { // sessions are told by their context
			_ = c.conn.NetConn().SetReadDeadline(time.Now())
		}
	}
	s.mu.Unlock()
	if s.http != nil {
		err = errors.Join(err, s.http.Close())
	}
	done := make(chan struct{})
	go func() {
		s.clients.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(stopTimeout):
		s.closeConnections()
		<-done
	}
	return err
}

// closeConnections takes the sockets away from clients that do not read.
func (s *Server) closeConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.live {
		_ = c.conn.Close()
	}
}
