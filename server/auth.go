package server

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"quiver/server/pgwire"
	"quiver/sql/sqlerr"
)

// authenticator lets clients in.
type authenticator interface {
	authenticate(c *pgwire.Conn, s *pgwire.Startup) error
}

func newAuthenticator(user, passwordFile string) (authenticator, error) {
	if passwordFile == "" {
		return trust{user}, nil
	}
	text, err := os.ReadFile(passwordFile)
	if err != nil {
		return nil, fmt.Errorf("--password-file: %w", err)
	}
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return nil, fmt.Errorf("--password-file %s is empty", passwordFile)
	}
	credentials, err := storedCredentials(user, secret)
	if err != nil {
		return nil, fmt.Errorf("--password-file %s: %w", passwordFile, err)
	}
	return scramAuth{user, credentials}, nil
}

// trust lets everybody in who names the user there is.
type trust struct{ user string }

func (t trust) authenticate(_ *pgwire.Conn, s *pgwire.Startup) error {
	if s.User != t.user {
		return sqlerr.New(sqlerr.InvalidAuthorizationSpecification, `role "%s" does not exist`, s.User)
	}
	return nil
}

const mechanism = "SCRAM-SHA-256"

// scramAuth asks for a password by SCRAM-SHA-256 (RFC 5802, RFC 7677).
type scramAuth struct {
	user        string
	credentials scram.StoredCredentials
}

// scramIterations is PostgreSQL's count.
const scramIterations = 4096

// storedCredentials reads a verifier as PostgreSQL stores it,
// SCRAM-SHA-256$4096:salt$StoredKey:ServerKey, or makes one of a password.
func storedCredentials(user, secret string) (scram.StoredCredentials, error) {
	if strings.HasPrefix(secret, mechanism+"$") {
		return parseVerifier(secret)
	}
	client, err := scram.SHA256.NewClient(user, secret, "")
	if err != nil {
		// A password that SASLprep refuses is taken as it is, as PostgreSQL does.
		if client, err = scram.SHA256.NewClientUnprepped(user, secret, ""); err != nil {
			return scram.StoredCredentials{}, err
		}
	}
	salt, err := newSecret()
	if err != nil {
		return scram.StoredCredentials{}, err
	}
	more, err := newSecret()
	if err != nil {
		return scram.StoredCredentials{}, err
	}
	return client.GetStoredCredentialsWithError(scram.KeyFactors{
		Salt: fmt.Sprintf("%08x%08x", salt, more), Iters: scramIterations,
	})
}

func parseVerifier(text string) (scram.StoredCredentials, error) {
	bad := fmt.Errorf("not a SCRAM-SHA-256 verifier")
	parts := strings.Split(strings.TrimPrefix(text, mechanism+"$"), "$")
	if len(parts) != 2 {
		return scram.StoredCredentials{}, bad
	}
	iterations, salt, ok := strings.Cut(parts[0], ":")
	stored, server, ok2 := strings.Cut(parts[1], ":")
	n, err := strconv.Atoi(iterations)
	if !ok || !ok2 || err != nil || n < 1 {
		return scram.StoredCredentials{}, bad
	}
	var keys [3][]byte
	for i, s := range []string{salt, stored, server} {
		if keys[i], err = base64.StdEncoding.DecodeString(s); err != nil || len(keys[i]) == 0 {
			return scram.StoredCredentials{}, bad
		}
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(keys[0]), Iters: n}, StoredKey: keys[1], ServerKey: keys[2],
	}, nil
}

func (a scramAuth) authenticate(c *pgwire.Conn, s *pgwire.Startup) error {
	// The client's SCRAM message may name nobody; startup's name counts. A
	// user who does not exist goes through the same steps and fails at the end.
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return a.credentials, nil })
	if err != nil {
		return err
	}
	conversation := server.NewConversation()
	name, first, err := c.SASL(mechanism)
	if err != nil {
		return err
	}
	if name != mechanism {
		return sqlerr.New(sqlerr.ProtocolViolation, "client selected an invalid SASL authentication mechanism")
	}
	challenge, err := conversation.Step(string(first))
	if err != nil {
		return sqlerr.Wrap(err, sqlerr.ProtocolViolation, "malformed SCRAM message")
	}
	final, err := c.SASLContinue([]byte(challenge))
	if err != nil {
		return err
	}
	proof, err := conversation.Step(string(final))
	if err != nil || !conversation.Valid() || s.User != a.user {
		return sqlerr.New(sqlerr.InvalidPassword, `password authentication failed for user "%s"`, s.User)
	}
	return c.SASLFinal([]byte(proof))
}
