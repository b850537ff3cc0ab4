package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// panicCounter is a log that counts panics in sessions.
type panicCounter struct {
	slog.Handler
	panics atomic.Int64
}

func (p *panicCounter) Enabled(context.Context, slog.Level) bool { return true }

func (p *panicCounter) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "panic") {
		p.panics.Add(1)
	}
	return nil
}

// sessionTexts are what fuzzed sessions send: cheap statements of every kind.
var sessionTexts = []string{
	"select 1", "select $1::int + 1", "", ";", "begin", "commit", "rollback", "savepoint s", "rollback to s", "release s",
	"copy f from stdin", "copy f to stdout", "copy f from stdin (format binary)", "copy (select 1) to stdout csv header",
	"insert into f values ($1, $2)", "insert into f values (1, 'x') on conflict do nothing", "select * from f", "delete from f",
	"update f set t = 'y' where i = $1", "select 1/0", "selec", "select 1; select 2; begin", "declare c cursor for select * from f",
	"declare h scroll cursor with hold for select g from generate_series(1, 5) g", "fetch all c", "fetch 2 h", "close c", "close all",
	"prepare p as select $1::text", "execute p ('a')", "deallocate p", "deallocate all", "discard all", "set work_mem = '1MB'",
	"show all", "reset all", "select * from pg_cursors", "select * from pg_prepared_statements", "explain select * from f",
	"listen x", "select pg_cancel_backend(pg_backend_pid())", "create table g (i int)", "drop table g", "set datestyle = sql, dmy",
	"set client_min_messages = error", "lock table f", "values (1, null), (2, 'x')", "select '[1,2,3]'::vector(3) <-> $1",
}

// sessionMessages turns bytes into messages, malformed ones among them: each
// step takes a kind, three choices and perhaps raw bytes.
func sessionMessages(data []byte) (out []byte) {
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	names := []string{"", "a", "p", "c", "h"}
	name := func(b byte) string { return names[int(b)%len(names)] }
	text := func(b byte) string { return sessionTexts[int(b)%len(sessionTexts)] }
	for len(data) > 0 && len(out) < 1<<16 {
		kind, a, b, c := next(), next(), next(), next()
		var m pgproto3.FrontendMessage
		switch kind % 16 {
		case 0, 1:
			m = &pgproto3.Query{String: text(a)}
		case 2, 3:
			p := &pgproto3.Parse{Name: name(a), Query: text(b)}
			if c%4 == 1 {
				p.ParameterOIDs = []uint32{uint32(c), 23}
			}
			m = p
		case 4, 5:
			bind := &pgproto3.Bind{DestinationPortal: name(a), PreparedStatement: name(b)}
			for i := range int(c % 4) {
				bind.Parameters = append(bind.Parameters, [][]byte{nil, []byte("7"), {0, 0, 0, 1}, []byte("[1,2,3]")}[(int(c)+i)%4])
			}
			bind.ResultFormatCodes = [][]int16{nil, {1}, {0}, {1, 0}}[c>>2%4]
			m = bind
		case 6:
			m = &pgproto3.Describe{ObjectType: []byte("SPX")[a%3], Name: name(b)}
		case 7, 8:
			m = &pgproto3.Execute{Portal: name(a), MaxRows: []uint32{0, 1, 2, 1 << 31}[b%4]}
		case 9:
			m = &pgproto3.Close{ObjectType: []byte("SPX")[a%3], Name: name(b)}
		case 10:
			m = &pgproto3.Sync{}
		case 11:
			m = &pgproto3.Flush{}
		case 12:
			m = &pgproto3.CopyData{Data: [][]byte{[]byte("5\tz\n"), []byte("x"), []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"), {0xff, 0xff}}[a%4]}
		case 13:
			m = &pgproto3.CopyDone{}
		case 14:
			m = &pgproto3.CopyFail{Message: text(a)}
		case 15: // anything, with a length that may lie
			raw := data[:min(len(data), int(a%32))]
			data = data[len(raw):]
			out = append(out, b)
			out = binary.BigEndian.AppendUint32(out, uint32(len(raw)+4)+uint32(c)*uint32(c%3%2))
			out = append(out, raw...)
			continue
		}
		at := len(out)
		encoded, err := m.Encode(out)
		if err != nil {
			continue
		}
		out = encoded
		if c == 0xff && len(out) > at+6 { // damaged
			out[at+5+int(b)%(len(out)-at-5)] ^= a | 1
		}
	}
	return out
}

// FuzzSession sends sequences of messages, malformed ones too, to a whole
// server. The session must end or answer, nothing may panic, and the server
// must go on serving others.
func FuzzSession(f *testing.F) {
	for _, seed := range []string{
		"\x00\x00\x00\x00", "\x02\x01\x01\x00\x04\x00\x01\x01\x07\x00\x00\x00\x0a\x00\x00\x00",
		"\x00\x0a\x00\x00\x0c\x00\x00\x00\x0d\x00\x00\x00", "\x00\x0a\x00\x00\x0c\x01\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00",
		"\x00\x04\x00\x00\x00\x16\x00\x00\x00\x18\x00\x00\x00\x13\x00\x00\x00\x18\x00\x00\x0a\x00\x00\x00",
		"\x0f\x08Q\x01select 1", "\x0f\x00\x7f\x00", "\x02\x00\x0a\x00\x04\x00\x00\x00\x07\x00\x00\x00\x0c\x00\x00\x00\x0a\x00\x00\x00",
		"\x04\x00\x03\xff\x02\x03\x03\xff", "\x0e\x00\x00\x00\x00\x0c\x00\x00\x0e\x01\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	log := &panicCounter{}
	dsn := start(f, func(o *Options) { o.Logger = slog.New(log); o.Config.Logger = o.Logger })
	ctx := context.Background()
	second := connect(f, dsn)
	if _, err := second.Exec(ctx, "create table f (i int primary key, t text)"); err != nil {
		f.Fatal(err)
	}
	where, err := url.Parse(dsn)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		conn, err := net.Dial("tcp", where.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// Beyond this a session counts as hanging.
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		startup, err := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersionNumber,
			Parameters: map[string]string{"user": "postgres", "database": "postgres"}}).Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		input := append(startup, sessionMessages(data)...)
		go func() {
			// A server that has ended the session does not read the rest.
			_, _ = conn.Write(input)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Fatalf("the session hangs after %q", input)
		}
		if n := log.panics.Load(); n != 0 {
			log.panics.Store(0)
			t.Fatalf("a panic after %q", input)
		}
		var one int
		if err := second.QueryRow(ctx, "select 1", pgx.QueryExecModeSimpleProtocol).Scan(&one); err != nil || one != 1 {
			t.Fatalf("another session: %d, %v", one, err)
		}
	})
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}
