package clients

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quiver/test/servers"
)

// jdbcLogin prints current_user, or the SQLSTATE of what failed.
const jdbcLogin = `import java.sql.*;
public class Login { public static void main(String[] a) {
  try (Connection c = DriverManager.getConnection(a[0], "ann", System.getenv("PGPASSWORD"))) {
    ResultSet r = c.createStatement().executeQuery("select current_user"); r.next(); System.out.println(r.getString(1));
  } catch (SQLException e) { System.out.println(e.getSQLState() + " " + e.getMessage()); }
} }`

// TestSCRAM: each client gets in with its password, and is told 28P01 or its
// message with another. pgx has its own test in package server.
func TestSCRAM(t *testing.T) {
	dir := t.TempDir()
	passwords, login := filepath.Join(dir, "password"), filepath.Join(dir, "Login.java")
	for name, text := range map[string]string{passwords: "a secret\n", login: jdbcLogin} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q := servers.StartQuiver(t, "", "--user", "ann", "--password-file", passwords)
	host, port, err := net.SplitHostPort(q.Addr)
	if err != nil {
		t.Fatal(err)
	}
	const node = `const {Client} = require('pg'); const c = new Client();
c.connect().then(() => c.query('select current_user')).then(r => console.log(r.rows[0].current_user)).catch(e => console.log(e.code, e.message)).finally(() => c.end())`
	const python = `import psycopg2
try:
    c = psycopg2.connect("").cursor(); c.execute("select current_user"); print(c.fetchone()[0])
except Exception as e: print(e)`
	for _, c := range [][]string{
		{"psql", "-X", "-Atc", "select current_user"},
		{"/usr/bin/python3", "-c", python},
		{"node", "-e", node},
		{"java", "-cp", "/usr/share/java/postgresql.jar", login, "jdbc:postgresql://" + q.Addr + "/postgres"},
	} {
		for password, want := range map[string]string{"a secret": "ann", "another": `password authentication failed for user "ann"`} {
			cmd := exec.Command(c[0], c[1:]...)
			cmd.Dir = "node" // where its driver is
			cmd.Env = append(os.Environ(), "PGHOST="+host, "PGPORT="+port, "PGUSER=ann", "PGDATABASE=postgres", "PGPASSWORD="+password)
			// A refused login is no success of psql.
			out, _ := cmd.CombinedOutput()
			if got := strings.TrimSpace(string(out)); got != want && (want == "ann" || !strings.HasSuffix(got, want)) {
				t.Errorf("%s with %q: %s", c[0], password, got)
			}
		}
	}
}
