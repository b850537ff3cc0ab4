package servers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// BuildQuiver builds the server of this tree into bin/ and returns its path.
var BuildQuiver = sync.OnceValues(func() (string, error) {
	root, err := repositoryRoot()
	if err != nil {
		return "", err
	}
	name := "quiver-test"
	args := []string{"build"}
	if raceEnabled {
		name += "-race"
		args = append(args, "-race")
	}
	bin := filepath.Join(root, "bin", name)
	cmd := exec.Command("go", append(args, "-o", bin, "./cmd/quiver")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/quiver: %v\n%s", err, out)
	}
	return bin, nil
})

// repositoryRoot is the directory of go.mod, found from the test's own.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = parent
	}
}

// Quiver is a server process under test: the real binary, built from this
// tree (with the race detector where the test itself has it).
type Quiver struct {
	// Addr is HOST:PORT of the Postgres wire; Data the data directory.
	Addr, Data string
	// Args follow the defaults on the command line; Env is added to the
	// environment.
	Args []string
	Env  []string

	t      TB
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	log    strings.Builder
}

// StartQuiver starts a server on a free port over data ("" for a new temporary
// directory) and waits until it is ready. It is killed at the end of the test.
func StartQuiver(t TB, data string, args ...string) *Quiver {
	t.Helper()
	return StartQuiverIn(t, nil, data, args...)
}

// StartQuiverIn is StartQuiver with more in the environment.
func StartQuiverIn(t TB, env []string, data string, args ...string) *Quiver {
	t.Helper()
	if data == "" {
		data = t.TempDir()
	}
	q := &Quiver{t: t, Data: data, Addr: FreeAddr(t), Args: args, Env: env}
	t.Cleanup(q.Kill)
	q.Start()
	return q
}

// StartQuiverOn starts a server whose catalog is in etcd and whose objects are
// in a bucket of the given name.
func StartQuiverOn(t TB, e *Etcd, s *S3, bucket string, args ...string) *Quiver {
	t.Helper()
	return StartQuiverIn(t, s.Env(), "", append([]string{"--etcd", e.Addr, "--object-store", s.URL(bucket)}, args...)...)
}

// The ports of servers lie below those that systems give to outgoing connections
// (Linux from 32768 on), one of which would take that of a server which is down for a
// moment.
const firstPort, lastPort = 16384, 32767

// FreeAddr returns a loopback address that nothing listens on.
func FreeAddr(t TB) string {
	t.Helper()
	var failed error
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
		failed = err
	}
	t.Fatal(failed)
	return ""
}

// Start starts the process again after Kill or Stop.
func (q *Quiver) Start() {
	q.t.Helper()
	if err := q.TryStart(); err != nil {
		q.t.Fatalf("%v\nserver log:\n%s", err, q.Log())
	}
}

// TryStart is Start for tests that expect a refusal.
func (q *Quiver) TryStart() error {
	bin, err := BuildQuiver()
	if err != nil {
		return err
	}
	cmd := exec.Command(bin, append([]string{"start", "--data", q.Data, "--listen", q.Addr}, q.Args...)...)
	cmd.Env = append(os.Environ(), q.Env...)
	// The server must not outlive a test that is killed itself.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return err
	}
	w.Close()
	ready := make(chan struct{})
	exited := make(chan struct{})
	followed := make(chan struct{})
	go func() {
		q.follow(r, ready)
		close(followed)
	}()
	go func() {
		cmd.Wait()
		<-followed // the log is whole before anyone is told of the end
		close(exited)
	}()
	q.cmd, q.exited = cmd, exited
	select {
	case <-ready:
		return nil
	case <-exited:
		return fmt.Errorf("quiver exited before it was ready: %v", cmd.ProcessState)
	case <-time.After(2 * time.Minute):
		q.Kill()
		return fmt.Errorf("quiver was not ready after two minutes")
	}
}

// follow keeps the log and closes ready at the first line that says so.
func (q *Quiver) follow(r io.ReadCloser, ready chan struct{}) {
	defer r.Close()
	seen := false
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		q.mu.Lock()
		if q.log.Len() < 1<<20 {
			q.log.WriteString(line + "\n")
		}
		q.mu.Unlock()
		if !seen && strings.Contains(line, "ready") {
			seen = true
			close(ready)
		}
	}
}

// Log is what the process printed so far, its first MiB. One that is just
// ending gets the moment it needs to say why.
func (q *Quiver) Log() string {
	select {
	case <-q.exited:
	case <-time.After(time.Second):
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.log.String()
}

// PID is the process id.
func (q *Quiver) PID() int { return q.cmd.Process.Pid }

// Kill sends SIGKILL and waits for the end; without a process it does nothing.
func (q *Quiver) Kill() { q.signal(syscall.SIGKILL) }

// Stop sends SIGTERM, waits for the end and returns an error if the exit was
// not clean.
func (q *Quiver) Stop() error {
	q.signal(syscall.SIGTERM)
	if q.cmd != nil && !q.cmd.ProcessState.Success() {
		return fmt.Errorf("quiver ended with %v", q.cmd.ProcessState)
	}
	return nil
}

func (q *Quiver) signal(sig syscall.Signal) {
	if q.cmd == nil {
		return
	}
	select {
	case <-q.exited:
		return
	default:
	}
	q.cmd.Process.Signal(sig)
	<-q.exited
}

// DSN is a connection string for user and database postgres.
func (q *Quiver) DSN() string {
	return "postgres://postgres@" + q.Addr + "/postgres?sslmode=disable"
}

// WaitPort waits until something accepts connections on addr.
func WaitPort(ctx context.Context, addr string) error {
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
