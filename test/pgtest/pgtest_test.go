package pgtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"quiver/test/servers"
)

var rewrite = flag.Bool("rewrite", false, "fill in replies from PostgreSQL")

// frontendMessages are what a script may send.
var frontendMessages = map[string]func() pgproto3.FrontendMessage{
	"Bind":         func() pgproto3.FrontendMessage { return &pgproto3.Bind{} },
	"Close":        func() pgproto3.FrontendMessage { return &pgproto3.Close{} },
	"CopyData":     func() pgproto3.FrontendMessage { return &copyData{} },
	"CopyDone":     func() pgproto3.FrontendMessage { return &pgproto3.CopyDone{} },
	"CopyFail":     func() pgproto3.FrontendMessage { return &pgproto3.CopyFail{} },
	"Describe":     func() pgproto3.FrontendMessage { return &pgproto3.Describe{} },
	"Execute":      func() pgproto3.FrontendMessage { return &pgproto3.Execute{} },
	"Flush":        func() pgproto3.FrontendMessage { return &pgproto3.Flush{} },
	"FunctionCall": func() pgproto3.FrontendMessage { return &pgproto3.FunctionCall{} },
	"Parse":        func() pgproto3.FrontendMessage { return &pgproto3.Parse{} },
	"Query":        func() pgproto3.FrontendMessage { return &pgproto3.Query{} },
	"Sync":         func() pgproto3.FrontendMessage { return &pgproto3.Sync{} },
	"Terminate":    func() pgproto3.FrontendMessage { return &pgproto3.Terminate{} },
}

// copyData is CopyData with its bytes as a person writes them: Data is text, or
// Hex hexadecimal.
type copyData struct {
	pgproto3.CopyData
	text struct{ Data, Hex string }
}

func (d *copyData) UnmarshalJSON(b []byte) error {
	err := json.Unmarshal(b, &d.text)
	d.CopyData.Data = []byte(d.text.Data)
	if err == nil && d.text.Hex != "" {
		d.CopyData.Data, err = hex.DecodeString(d.text.Hex)
	}
	return err
}

type command struct {
	line     int
	comments []string
	verb     string
	args     []string
	body     []string
	want     []string
}

func parse(text string) []*command {
	var cmds []*command
	line := 1
	for _, block := range strings.Split(text, "\n\n") {
		c := &command{line: line}
		line += strings.Count(block, "\n") + 2
		lines := strings.Split(strings.Trim(block, "\n"), "\n")
		for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
			c.comments = append(c.comments, lines[0])
			lines = lines[1:]
		}
		if len(lines) > 0 && lines[0] != "" {
			words := strings.Fields(lines[0])
			c.verb, c.args = words[0], words[1:]
			i := 1
			for ; i < len(lines) && lines[i] != "----"; i++ {
				c.body = append(c.body, lines[i])
			}
			if i < len(lines) {
				c.want = lines[i+1:]
			}
		}
		cmds = append(cmds, c)
	}
	return cmds
}

func (c *command) format() string {
	lines := append([]string{}, c.comments...)
	if c.verb != "" {
		lines = append(lines, strings.Join(append([]string{c.verb}, c.args...), " "))
		lines = append(lines, c.body...)
		if c.verb == "until" {
			lines = append(append(lines, "----"), c.want...)
		}
	}
	return strings.Join(lines, "\n")
}

// wire is one connection past its startup.
type wire struct {
	conn     net.Conn
	frontend *pgproto3.Frontend
	key      pgproto3.CancelRequest
}

// connect goes through startup with pgconn and takes the connection over.
func connect(ctx context.Context, dsn string) (*wire, error) {
	pc, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	h, err := pc.Hijack()
	if err != nil {
		return nil, err
	}
	h.Conn.SetDeadline(time.Now().Add(time.Minute))
	return &wire{h.Conn, h.Frontend, pgproto3.CancelRequest{ProcessID: h.PID, SecretKey: h.SecretKey}}, nil
}

// cancel sends the connection's CancelRequest, over one of its own, and returns
// when the server has taken it and hung up.
func (w *wire) cancel() error {
	conn, err := net.Dial("tcp", w.conn.RemoteAddr().String())
	if err != nil {
		return err
	}
	defer conn.Close()
	request, err := w.key.Encode(nil)
	if err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	_, err = io.ReadAll(conn)
	return err
}

func (c *command) has(arg string) bool {
	for _, a := range c.args {
		if a == arg {
			return true
		}
	}
	return false
}

// play runs one command and returns the replies it read.
func (w *wire) play(c *command) ([]string, error) {
	switch c.verb {
	case "send":
		var buf []byte
		for _, l := range c.body {
			name, fields, _ := strings.Cut(l, " ")
			make := frontendMessages[name]
			if make == nil {
				return nil, fmt.Errorf("no message %q", name)
			}
			m := make()
			if fields != "" {
				if err := json.Unmarshal([]byte(fields), m); err != nil {
					return nil, fmt.Errorf("%s: %w", l, err)
				}
			}
			var err error
			if buf, err = m.Encode(buf); err != nil {
				return nil, err
			}
		}
		_, err := w.conn.Write(buf)
		return nil, err
	case "raw":
		data, err := hex.DecodeString(strings.Join(strings.Fields(strings.Join(c.body, "")), ""))
		if err != nil {
			return nil, err
		}
		_, err = w.conn.Write(data)
		return nil, err
	case "cancel":
		return nil, w.cancel()
	case "closed":
		for {
			if _, err := w.frontend.Receive(); err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
					return nil, nil
				}
				return nil, err
			}
		}
	case "until":
		return w.until(c)
	}
	return nil, fmt.Errorf("no command %q", c.verb)
}

func (w *wire) until(c *command) ([]string, error) {
	var out []string
	for _, name := range c.body {
		for {
			m, err := w.frontend.Receive()
			if err != nil {
				return out, fmt.Errorf("waiting for %s: %w; so far %q", name, err, out)
			}
			typ := reflect.TypeOf(m).Elem().Name()
			if !c.has("ignore=" + typ) {
				line, err := w.print(m, c.has("redact"))
				if err != nil {
					return out, err
				}
				out = append(out, line)
			}
			if typ == name {
				break
			}
		}
	}
	return out, nil
}

// print is the message as JSON, an error without the fields that tell where in
// the server's source it arose.
func (w *wire) print(m pgproto3.BackendMessage, redact bool) (string, error) {
	switch m := m.(type) {
	case *pgproto3.ErrorResponse:
		if redact {
			m.Where = ""
		}
		return errorLine("ErrorResponse", m)
	case *pgproto3.NoticeResponse:
		e := pgproto3.ErrorResponse(*m)
		return errorLine("NoticeResponse", &e)
	case *pgproto3.CopyData:
		if utf8.Valid(m.Data) && !bytes.ContainsRune(m.Data, 0) {
			b, err := json.Marshal(map[string]string{"Type": "CopyData", "Data": string(m.Data)})
			return string(b), err
		}
	case *pgproto3.RowDescription:
		if redact {
			for i := range m.Fields {
				m.Fields[i].TableOID = 0
			}
		}
	}
	b, err := json.Marshal(m)
	return string(b), err
}

func errorLine(typ string, m *pgproto3.ErrorResponse) (string, error) {
	b, err := json.Marshal(struct {
		Type, Severity, Code, Message string
		Detail                        string `json:",omitempty"`
		Hint                          string `json:",omitempty"`
		Position                      int32  `json:",omitempty"`
		Where                         string `json:",omitempty"`
		Schema                        string `json:",omitempty"`
		Table                         string `json:",omitempty"`
		Column                        string `json:",omitempty"`
		Constraint                    string `json:",omitempty"`
	}{typ, m.Severity, m.Code, m.Message, m.Detail, m.Hint, m.Position, m.Where,
		m.SchemaName, m.TableName, m.ColumnName, m.ConstraintName})
	return string(b), err
}

// run plays a file and returns each command's replies.
func run(t *testing.T, file string, cmds []*command, dsn string) [][]string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	schema := "wire_" + strings.TrimSuffix(filepath.Base(file), ".txt")
	admin, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	setup := "DROP SCHEMA IF EXISTS " + schema + " CASCADE; CREATE SCHEMA " + schema
	if _, err := admin.Exec(ctx, setup).ReadAll(); err != nil {
		t.Fatalf("%s: %v", setup, err)
	}
	dsn += "&search_path=" + url.QueryEscape(schema+",public")
	var w *wire
	named := map[string]*wire{}
	outcomes := make([][]string, len(cmds))
	for i, c := range cmds {
		if c.verb == "" {
			continue
		}
		if c.verb == "connection" {
			w = named[strings.Join(c.args, " ")]
		}
		if w == nil || c.verb == "reconnect" {
			if w != nil {
				w.conn.Close()
			}
			if w, err = connect(ctx, dsn); err != nil {
				t.Fatal(err)
			}
			defer w.conn.Close()
		}
		if c.verb == "connection" {
			named[strings.Join(c.args, " ")] = w
		}
		if c.verb == "reconnect" || c.verb == "connection" {
			continue
		}
		if outcomes[i], err = w.play(c); err != nil {
			t.Fatalf("%s:%d: %s: %v", file, c.line, c.verb, err)
		}
	}
	return outcomes
}

func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	postgres := servers.StartPostgres(t)
	var quiver *servers.Quiver
	if !*rewrite {
		quiver = servers.StartQuiver(t, "")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cmds := parse(string(text))
		if *rewrite {
			var out []string
			for i, got := range run(t, file, cmds, postgres.DSN()) {
				cmds[i].want = got
				out = append(out, cmds[i].format())
			}
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, to := range []struct{ name, dsn string }{{"postgres", postgres.DSN()}, {"quiver", quiver.DSN()}} {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+to.name, func(t *testing.T) {
				for i, got := range run(t, file, cmds, to.dsn) {
					if g, w := strings.Join(got, "\n"), strings.Join(cmds[i].want, "\n"); g != w {
						t.Errorf("%s:%d on %s:\n%s\ngot\n%s\nwant\n%s", file, cmds[i].line, to.name, strings.Join(cmds[i].body, "\n"), g, w)
					}
				}
			})
		}
	}
}
