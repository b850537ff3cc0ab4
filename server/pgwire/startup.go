package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgproto3/v2"

	"quiver/sql/sqlerr"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Startup is what a client said when it connected.
type Startup struct {
	User, Database string
	// Settings are the other parameters and what options=-c … sets, in order.
	Settings []Parameter
	// Cancel is set when the connection is a CancelRequest: there is nothing to
	// answer then.
	Cancel              bool
	CancelPID, CancelID uint32
}

// Parameter is a setting asked for at startup.
type Parameter struct{ Name, Value string }

// The codes that stand where a startup message has its version.
const (
	sslRequest    = 80877103
	gssRequest    = 80877104
	cancelRequest = 80877102
)

// Accept reads the startup messages of a connection. Errors that are
// *sqlerr.Error were not sent yet.
func (c *Conn) Accept() (*Startup, error) {
	var sawSSL, sawGSS bool
	for {
		body, err := c.in.startup()
		if err != nil {
			return nil, err
		}
		code := binary.BigEndian.Uint32(body)
		switch {
		case code == sslRequest && !sawSSL:
			sawSSL = true
		case code == gssRequest && !sawGSS:
			sawGSS = true
		case code == cancelRequest:
			return parseCancel(body)
		default:
			return c.parseStartup(code, body[4:])
		}
		c.out = append(c.out, 'N')
		if err := c.Flush(); err != nil {
			return nil, err
		}
		// What came before the answer could have been put there by another.
		if c.in.buffered() {
			return nil, sqlerr.New(sqlerr.ProtocolViolation, "received unencrypted data after SSL request")
		}
	}
}

func parseCancel(body []byte) (*Startup, error) {
	if len(body) != 12 {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid length of cancel request packet")
	}
	return &Startup{
		Cancel:    true,
		CancelPID: binary.BigEndian.Uint32(body[4:]), CancelID: binary.BigEndian.Uint32(body[8:]),
	}, nil
}

func (c *Conn) parseStartup(version uint32, body []byte) (*Startup, error) {
	major, minor := version>>16, version&0xffff
	if major != 3 {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported,
			"unsupported frontend protocol %d.%d: server supports 3.0 to 3.0", major, minor)
	}
	s := &Startup{}
	unknown := []string{}
	for {
		name, rest, ok := bytes.Cut(body, []byte{0})
		if !ok {
			return nil, layoutError()
		}
		if len(name) == 0 {
			if len(rest) != 0 {
				return nil, layoutError()
			}
			break
		}
		value, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok {
			return nil, layoutError()
		}
		body = rest
		if err := s.set(string(name), string(value), &unknown); err != nil {
			return nil, err
		}
	}
	if s.User == "" {
		return nil, sqlerr.New(sqlerr.InvalidAuthorizationSpecification, "no PostgreSQL user name specified in startup packet")
	}
	if s.Database == "" {
		s.Database = s.User
	}
	if minor > 0 || len(unknown) > 0 {
		return s, c.negotiate(unknown)
	}
	return s, nil
}

func layoutError() error {
	return sqlerr.New(sqlerr.ProtocolViolation, "invalid startup packet layout: expected terminator as last byte")
}

func (s *Startup) set(name, value string, unknown *[]string) error {
	switch {
	case name == "user":
		s.User = value
	case name == "database":
		s.Database = value
	case name == "options":
		return s.options(value)
	case name == "replication":
		if on := strings.ToLower(value); on != "false" && on != "off" && on != "no" && on != "0" {
			return sqlerr.Unsupported("replication")
		}
	case strings.HasPrefix(name, "_pq_."):
		*unknown = append(*unknown, name)
	default:
		s.Settings = append(s.Settings, Parameter{name, value})
	}
	return nil
}

// options reads a command line of -c name=value, --name=value: backslashes
// escape blanks.
func (s *Startup) options(line string) error {
	words := splitOptions(line)
	for i := 0; i < len(words); i++ {
		assignment := ""
		switch word := words[i]; {
		case word == "-c" && i+1 < len(words):
			i++
			assignment = words[i]
		case strings.HasPrefix(word, "--"):
			assignment = word[2:]
		case strings.HasPrefix(word, "-c"):
			assignment = word[2:]
		default:
			return sqlerr.New(sqlerr.SyntaxError, "invalid command-line argument for server process: %s", word).
				WithHint(`Try "postgres --help" for more information.`)
		}
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return sqlerr.New(sqlerr.SyntaxError, "-c %s requires a value", assignment)
		}
		s.Settings = append(s.Settings, Parameter{strings.ReplaceAll(name, "-", "_"), value})
	}
	return nil
}

func splitOptions(line string) []string {
	var words []string
	var word strings.Builder
	inside := false
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inside = true
		case ch == ' ' || ch == '\t' || ch == '\n':
			if inside {
				words = append(words, word.String())
				word.Reset()
				inside = false
			}
		default:
			word.WriteByte(ch)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}

// negotiate answers a client that asks for a newer minor version or protocol
// options: 3.0 and none of them.
func (c *Conn) negotiate(unknown []string) error {
	at := c.begin('v')
	c.out = binary.BigEndian.AppendUint32(c.out, 3<<16)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(len(unknown)))
	for _, name := range unknown {
		c.out = append(append(c.out, name...), 0)
	}
	return c.end(at)
}

// AuthenticationOK ends authentication.
func (c *Conn) AuthenticationOK() error { return c.send(&pgproto3.AuthenticationOk{}) }

// SASL offers mechanisms and returns the one chosen with its first message.
func (c *Conn) SASL(mechanisms ...string) (mechanism string, data []byte, err error) {
	if err := c.send(&pgproto3.AuthenticationSASL{AuthMechanisms: mechanisms}); err != nil {
		return "", nil, err
	}
	body, err := c.password()
	if err != nil {
		return "", nil, err
	}
	name, rest, ok := bytes.Cut(body, []byte{0})
	if !ok || len(rest) < 4 {
		return "", nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid SASLInitialResponse message")
	}
	n := int(int32(binary.BigEndian.Uint32(rest)))
	rest = rest[4:]
	if n < -1 || n > len(rest) {
		return "", nil, sqlerr.New(sqlerr.ProtocolViolation, "invalid SASLInitialResponse message")
	}
	if n < 0 {
		return string(name), nil, nil
	}
	return string(name), bytes.Clone(rest[:n]), nil
}

// SASLContinue sends a challenge and returns the answer.
func (c *Conn) SASLContinue(data []byte) ([]byte, error) {
	if err := c.send(&pgproto3.AuthenticationSASLContinue{Data: data}); err != nil {
		return nil, err
	}
	body, err := c.password()
	return bytes.Clone(body), err
}

// SASLFinal sends the server's last message.
func (c *Conn) SASLFinal(data []byte) error {
	return c.send(&pgproto3.AuthenticationSASLFinal{Data: data})
}

// password flushes and reads a password or SASL message.
func (c *Conn) password() ([]byte, error) {
	if err := c.Flush(); err != nil {
		return nil, err
	}
	kind, body, err := c.in.message(func(byte) int { return authBytesMax })
	if err != nil {
		return nil, err
	}
	if kind != 'p' {
		return nil, sqlerr.New(sqlerr.ProtocolViolation, "expected password response, got message type %d", kind)
	}
	return body, nil
}

// Gone says whether err only means that the client went away. What files and
// other servers' connections report is never that, alike as it looks.
func Gone(err error) bool { return errors.Is(err, ErrClosed) }

// Fatal tells the client why the connection ends, as far as it still listens.
func (c *Conn) Fatal(e *sqlerr.Error) {
	fatal := *e
	fatal.Severity = sqlerr.SeverityFatal
	if c.Error(&fatal) == nil {
		// The connection ends either way.
		_ = c.Flush()
	}
}
