package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// postgresBin is where Debian's postgresql-15 keeps its binaries.
const postgresBin = "/usr/lib/postgresql/15/bin"

// Postgres is a PostgreSQL 15 server: the oracle that test files are checked
// against, and the peer of benchmarks.
type Postgres struct {
	Addr, Data string
	t          TB
	dir        string
	args       []string
	cmd        *exec.Cmd
	log        logBuffer
}

// StartPostgres makes a cluster in a temporary directory (UTF8, C collation,
// UTC, trust) and starts it on a free port with the given settings
// ("fsync=on"). The server refuses to run as root, so root hands it to the
// user postgres.
func StartPostgres(t TB, settings ...string) *Postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "quiver-oracle-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cred := credential(t)
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	p := &Postgres{t: t, dir: dir, Data: filepath.Join(dir, "data"), Addr: FreeAddr(t)}
	initdb := exec.Command(filepath.Join(postgresBin, "initdb"), "-D", p.Data, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.args = []string{"-D", p.Data, "-c", "listen_addresses=127.0.0.1", "-c", "port=" + port,
		"-c", "unix_socket_directories=", "-c", "timezone=UTC", "-c", "log_min_messages=fatal"}
	for _, s := range settings {
		p.args = append(p.args, "-c", s)
	}
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGQUIT)
		p.cmd.Wait()
	})
	p.Start()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// It listens before it takes connections: ask it.
	for exec.CommandContext(ctx, filepath.Join(postgresBin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port).Run() != nil {
		if ctx.Err() != nil {
			t.Fatalf("postgres does not get ready\n%s", p.log.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return p
}

// Start starts the process again after Stop; it is not ready yet when Start
// returns.
func (p *Postgres) Start() {
	p.t.Helper()
	p.cmd = exec.Command(filepath.Join(postgresBin, "postgres"), p.args...)
	p.cmd.Dir = p.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(p.t), Pdeathsig: syscall.SIGQUIT}
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// Stop ends the process by a fast shutdown, which writes a checkpoint.
func (p *Postgres) Stop() {
	p.cmd.Process.Signal(syscall.SIGINT)
	p.cmd.Wait()
}

// DSN is a connection string for user and database postgres.
func (p *Postgres) DSN() string {
	return "postgres://postgres@" + p.Addr + "/postgres?sslmode=disable"
}

// PID is the postmaster's process id.
func (p *Postgres) PID() int { return p.cmd.Process.Pid }

// credential is the user postgres when the test runs as root, else nil.
func credential(t TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("the oracle needs Debian's postgresql-15 (make deps installs it): %v", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		t.Fatal(fmt.Errorf("user postgres has uid %q and gid %q", u.Uid, u.Gid))
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
