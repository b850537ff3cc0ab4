package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// verifier is of the password "secret", as PostgreSQL 15 stored it.
const verifier = "SCRAM-SHA-256$4096:MLdwzqsy+iqJBXMrK9VpIw==$oz7fle4FORNgwcvRYDqXb/JgbS2lmfwHE4gm+cr8tEE=:qB9RSnUVig6TmYaJtedzo3AHr+U2ADMu0TnUgIVlsPI="

func TestSCRAM(t *testing.T) {
	for name, content := range map[string]string{"plain": "secret\n", "verifier": verifier} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "password")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			url := start(t, func(o *Options) { o.PasswordFile, o.User = file, "ann" })
			url = strings.Replace(url, "postgres@", "ann:secret@", 1)
			conn := connect(t, url)
			var user string
			if err := conn.QueryRow(context.Background(), "select current_user").Scan(&user); err != nil || user != "ann" {
				t.Errorf("%q, %v", user, err)
			}
			for _, wrong := range []string{"ann:wrong@", "ann@", "bob:secret@"} {
				_, err := pgx.Connect(context.Background(), strings.Replace(url, "ann:secret@", wrong, 1))
				if err == nil || !strings.Contains(err.Error(), "28P01") && wrong != "ann@" {
					t.Errorf("%s: %v", wrong, err)
				}
			}
		})
	}
}

func TestTrust(t *testing.T) {
	url := start(t, nil)
	for wrong, want := range map[string]string{
		strings.Replace(url, "postgres@", "bob@", 1):                                         "28000",
		strings.Replace(url, "/postgres?", "/nosuch?", 1):                                    "3D000",
		url + "&options=" + "-c%20nosuch%3D1":                                                "42704",
		url + "&statement_timeout=x":                                                         "22023",
		strings.Replace(url, "sslmode=disable", "sslmode=require", 1) + "&connect_timeout=5": "refused TLS",
	} {
		if _, err := pgx.Connect(context.Background(), wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "nonsense"} {
		if s, err := Listen(Options{Addr: addr}); err == nil {
			t.Errorf("%s was listened on", addr)
			s.Close()
		}
	}
	dir := t.TempDir()
	for _, content := range []string{"", "SCRAM-SHA-256$4096:x", "SCRAM-SHA-256$x:YQ==$YQ==:YQ=="} {
		file := filepath.Join(dir, "password")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(Options{Addr: "127.0.0.1:0", PasswordFile: file}); err == nil {
			t.Errorf("%q was taken for a password", content)
		}
	}
}
