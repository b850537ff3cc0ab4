package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgproto3/v2"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// scripted is a connection whose input is given and whose output is kept.
type scripted struct {
	in  io.Reader
	out bytes.Buffer
}

func (s *scripted) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *scripted) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *scripted) Close() error                     { return nil }
func (s *scripted) LocalAddr() net.Addr              { return nil }
func (s *scripted) RemoteAddr() net.Addr             { return nil }
func (s *scripted) SetDeadline(time.Time) error      { return nil }
func (s *scripted) SetReadDeadline(time.Time) error  { return nil }
func (s *scripted) SetWriteDeadline(time.Time) error { return nil }

// oneByte reads a byte at a time, as a slow network may.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

func serverConn(input []byte) (*Conn, *scripted) {
	s := &scripted{in: bytes.NewReader(input)}
	return NewConn(s), s
}

// recorder is a Handler that writes down what it is asked.
type recorder struct {
	conn  *Conn
	calls []string
}

func (r *recorder) note(s string) error { r.calls = append(r.calls, s); return nil }

func (r *recorder) Query(text string) error {
	if text == "copy" {
		for {
			data, err := r.conn.ReadCopy()
			if err != nil || data == nil {
				return err
			}
			r.note("data " + string(data))
		}
	}
	if text == "fail" {
		return sqlerr.New(sqlerr.DivisionByZero, "division by zero")
	}
	return r.note("query " + text)
}

func (r *recorder) Parse(name, text string, _ []types.OID) error {
	if text == "fail" {
		return sqlerr.New(sqlerr.SyntaxError, "syntax error")
	}
	return r.note("parse " + name + " " + text)
}

func (r *recorder) Bind(b *Bind) error {
	s := "bind " + b.Portal + " " + b.Statement
	for i, p := range b.Params {
		_ = Format(b.ParamFormats, i)
		if p == nil {
			s += " null"
		} else {
			s += " " + string(p)
		}
	}
	return r.note(s)
}

func (r *recorder) DescribeStatement(name string) error { return r.note("describe S " + name) }
func (r *recorder) DescribePortal(name string) error    { return r.note("describe P " + name) }
func (r *recorder) Execute(portal string, limit int) error {
	return r.note("execute " + portal + " " + itoa(limit))
}
func (r *recorder) CloseStatement(name string) error { return r.note("close S " + name) }
func (r *recorder) ClosePortal(name string) error    { return r.note("close P " + name) }
func (r *recorder) Sync() error                      { return r.note("sync") }
func (r *recorder) Status() byte                     { return 'I' }
func (r *recorder) Idle()                            {}
func (r *recorder) Busy()                            {}

func (r *recorder) Failed(err error) *sqlerr.Error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

func encode(t testing.TB, messages ...pgproto3.FrontendMessage) []byte {
	var buf []byte
	for _, m := range messages {
		var err error
		if buf, err = m.Encode(buf); err != nil {
			t.Fatal(err)
		}
	}
	return buf
}

func TestServe(t *testing.T) {
	input := encode(t,
		&pgproto3.Query{String: "a"},
		&pgproto3.Parse{Name: "s", Query: "b"},
		&pgproto3.Bind{PreparedStatement: "s", Parameters: [][]byte{[]byte("x"), nil}},
		&pgproto3.Execute{MaxRows: 3},
		&pgproto3.Parse{Query: "fail"},
		&pgproto3.Execute{},           // skipped
		&pgproto3.Query{String: "no"}, // skipped
		&pgproto3.Sync{},
		&pgproto3.Describe{ObjectType: 'P', Name: "p"},
		&pgproto3.Close{ObjectType: 'S', Name: "s"},
		&pgproto3.Query{String: "copy"},
		&pgproto3.CopyData{Data: []byte("1\n")},
		&pgproto3.CopyDone{},
		&pgproto3.CopyData{Data: []byte("late")}, // ignored
		&pgproto3.Query{String: "fail"},
		&pgproto3.Query{String: "z"},
		&pgproto3.Terminate{},
		&pgproto3.Query{String: "after the end"},
	)
	for _, slow := range []bool{false, true} {
		c, s := serverConn(input)
		if slow {
			s.in = oneByte{s.in}
			c = NewConn(s)
		}
		r := &recorder{conn: c}
		if err := c.Serve(r); err != nil {
			t.Fatal(err)
		}
		want := []string{"query a", "parse s b", "bind  s x null", "execute  3", "sync", "describe P p", "close S s", "data 1\n", "query z"}
		if len(r.calls) != len(want) {
			t.Fatalf("got %q", r.calls)
		}
		for i := range want {
			if r.calls[i] != want[i] {
				t.Errorf("call %d: got %q, want %q", i, r.calls[i], want[i])
			}
		}
	}
}

// TestLargeMessage: bodies beyond the buffer arrive whole, and a length alone
// takes no memory.
func TestLargeMessage(t *testing.T) {
	text := string(bytes.Repeat([]byte("x"), 3<<20))
	c, _ := serverConn(encode(t, &pgproto3.Query{String: text}, &pgproto3.Query{String: "b"}, &pgproto3.Terminate{}))
	r := &recorder{conn: c}
	if err := c.Serve(r); err != nil {
		t.Fatal(err)
	}
	if len(r.calls) != 2 || r.calls[0] != "query "+text || r.calls[1] != "query b" {
		t.Fatalf("%d calls", len(r.calls))
	}
	if cap(c.in.body) > keptBodyBytes {
		t.Errorf("keeps %d bytes", cap(c.in.body))
	}
	claim := append([]byte{'Q'}, 0x3f, 0xff, 0xff, 0xff)
	c, _ = serverConn(append(claim, "SELECT"...))
	if err := c.Serve(&recorder{conn: c}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if cap(c.in.body) > 64<<10 {
		t.Errorf("a length alone took %d bytes", cap(c.in.body))
	}
}

func TestRefusedMessages(t *testing.T) {
	for name, input := range map[string][]byte{
		"unknown type":  {'!', 0, 0, 0, 4},
		"short length":  {'Q', 0, 0, 0, 3},
		"negative":      {'Q', 0xff, 0xff, 0xff, 0xff},
		"large control": {'S', 0, 1, 0, 0},
		"large":         {'Q', 0x7f, 0xff, 0xff, 0xff},
	} {
		c, s := serverConn(input)
		err := c.Serve(&recorder{conn: c})
		if sqlerr.CodeOf(err) != sqlerr.ProtocolViolation {
			t.Errorf("%s: got %v", name, err)
		}
		if !bytes.Contains(s.out.Bytes(), []byte("FATAL\x00")) || !bytes.Contains(s.out.Bytes(), []byte("C08P01\x00")) {
			t.Errorf("%s: told %q", name, s.out.Bytes())
		}
	}
}

func startupMessage(version uint32, pairs ...string) []byte {
	var body []byte
	body = binary.BigEndian.AppendUint32(body, version)
	for _, p := range pairs {
		body = append(append(body, p...), 0)
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)
}

func TestAccept(t *testing.T) {
	c, s := serverConn(startupMessage(3<<16, "user", "u", "options", `-c a.b=1\ 2 --work-mem=4MB`, "TimeZone", "UTC"))
	got, err := c.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if got.User != "u" || got.Database != "u" || len(got.Settings) != 3 ||
		got.Settings[0] != (Parameter{"a.b", "1 2"}) || got.Settings[1] != (Parameter{"work_mem", "4MB"}) {
		t.Errorf("got %+v", got)
	}
	if s.out.Len() != 0 {
		t.Errorf("told %q", s.out.Bytes())
	}

	c, s = serverConn(startupMessage(3<<16|2, "user", "u", "_pq_.x", "1"))
	if _, err := c.Accept(); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil || !bytes.Equal(s.out.Bytes(), []byte("v\x00\x00\x00\x13\x00\x03\x00\x00\x00\x00\x00\x01_pq_.x\x00")) {
		t.Errorf("told %q", s.out.Bytes())
	}

	for name, input := range map[string][]byte{
		"no user":       startupMessage(3 << 16),
		"version 2":     startupMessage(2<<16, "user", "u"),
		"replication":   startupMessage(3<<16, "user", "u", "replication", "true"),
		"no terminator": {0, 0, 0, 12, 0, 3, 0, 0, 'u', 's', 'e', 'r'},
		"too long":      {0, 1, 0, 0, 0, 3, 0, 0},
		"too short":     {0, 0, 0, 4},
		"bad cancel":    {0, 0, 0, 8, 4, 210, 22, 46},
	} {
		c, _ := serverConn(input)
		_, err := c.Accept()
		var e *sqlerr.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzStartup: no first bytes make Accept panic.
func FuzzStartup(f *testing.F) {
	f.Add(startupMessage(3<<16, "user", "u", "options", "-c a=b"))
	f.Add([]byte{0, 0, 0, 8, 4, 210, 22, 47})
	f.Add([]byte{0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, input []byte) {
		c, _ := serverConn(input)
		s, err := c.Accept()
		if err == nil && !s.Cancel && s.User == "" {
			t.Error("no user and no error")
		}
	})
}

// FuzzServe: no messages make the loop panic or read without end.
func FuzzServe(f *testing.F) {
	f.Add(encode(f, &pgproto3.Query{String: "a"}, &pgproto3.Sync{}))
	f.Add(encode(f, &pgproto3.Bind{Parameters: [][]byte{{1}, nil}, ParameterFormatCodes: []int16{0, 1}}, &pgproto3.Sync{}))
	f.Add(encode(f, &pgproto3.Parse{Query: "a", ParameterOIDs: []uint32{23}}, &pgproto3.Execute{}, &pgproto3.Flush{}))
	f.Add(encode(f, &pgproto3.Query{String: "copy"}, &pgproto3.CopyData{Data: []byte("x")}, &pgproto3.CopyFail{Message: "no"}))
	f.Add([]byte("B\x00\x00\x00\x0b\x00s\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, input []byte) {
		c, _ := serverConn(input)
		// Every way to end is fine.
		_ = c.Serve(&recorder{conn: c})
	})
}
