package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a server that tests start, kill and start again.
type process struct {
	t    TB
	bin  string
	args []string
	env  []string
	addr string // listened on once it serves
	// health is the path that answers 200 once it is ready; "" if listening is
	// enough.
	health string

	cmd *exec.Cmd
	log logBuffer
}

// logBuffer keeps the first MiB of what a process prints.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.text) < 1<<20 {
		l.text = append(l.text, b...)
	}
	return len(b), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// Start starts the process and waits until it listens.
func (p *process) Start() {
	p.t.Helper()
	p.cmd = exec.Command(p.bin, p.args...)
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	err := WaitPort(ctx, p.addr)
	if err == nil && p.health != "" {
		err = waitHealthy(ctx, "http://"+p.addr+p.health)
	}
	if err != nil {
		p.t.Fatal(fmt.Errorf("%s: %w\n%s", p.bin, err, p.log.String()))
	}
}

// Kill sends SIGKILL and waits for the end.
func (p *process) Kill() {
	if p.cmd != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		p.cmd = nil
	}
}

// Freeze stops the process as SIGSTOP does: its connections stay, and nothing
// answers on them until Thaw.
func (p *process) Freeze() { p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *process) Thaw() { p.signal(syscall.SIGCONT) }

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// waitHealthy waits until url answers 200.
func waitHealthy(ctx context.Context, url string) error {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 2 * time.Second}
	for {
		if resp, err := client.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not get ready: %w", url, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
