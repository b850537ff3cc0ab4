package compose

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"quiver/test/servers"
)

const repository = "../.."

// composeFile is what the test reads of `docker-compose config`.
type composeFile struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
}

type service struct {
	Command     string
	Environment map[string]string
	Volumes     []string
	Secrets     []struct{ Source string }
	Restart     string
	HealthCheck struct{ Test []string } `yaml:"healthcheck"`
}

// config runs docker-compose over the repository's file.
func config(t *testing.T, volumes string) composeFile {
	t.Helper()
	cmd := exec.Command("docker-compose", "config")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "DOCKER_VOLUME_DIRECTORY="+volumes)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker-compose config: %v", err)
	}
	var f composeFile
	if err := yaml.Unmarshal(out, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// mapping rewrites what names the containers' world: addresses wherever they
// stand, paths (they begin with a slash) where they are the whole word.
type mapping map[string]string

func (m mapping) apply(s string) string {
	if strings.HasPrefix(s, "/") {
		if path, ok := m[s]; ok {
			return path
		}
		return s
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		if !strings.HasPrefix(k, "/") {
			keys = append(keys, k)
		}
	}
	// The longest first, so that none hides another that it begins.
	sort.Slice(keys, func(i, j int) bool { return len(keys[i]) > len(keys[j]) })
	var pairs []string
	for _, k := range keys {
		pairs = append(pairs, k, m[k])
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// stack is the three processes.
type stack struct {
	t       *testing.T
	file    composeFile
	mapping mapping
	peer    string // what etcd listens on for peers it does not have
	running map[string]*exec.Cmd
}

// up starts the services in the order of their dependencies and waits until
// the health check of each passes.
func (s *stack) up() {
	s.t.Helper()
	for _, name := range []string{"etcd", "minio", "quiver"} {
		svc := s.file.Services[name]
		words := strings.Fields(svc.Command)
		for i, w := range words {
			words[i] = s.mapping.apply(w)
		}
		cmd := exec.Command(s.binary(words[0]), words[1:]...)
		// The containers' environment, plus what a loopback etcd needs.
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.t.TempDir(), "ETCD_LISTEN_PEER_URLS=http://" + s.peer}
		for k, v := range svc.Environment {
			cmd.Env = append(cmd.Env, k+"="+s.mapping.apply(v))
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		log, err := os.CreateTemp(s.t.TempDir(), name)
		if err != nil {
			s.t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		s.running[name] = cmd
		s.healthy(name, svc, log.Name())
	}
}

func (s *stack) binary(name string) string {
	s.t.Helper()
	var path string
	var err error
	if name == "quiver" {
		path, err = servers.BuildQuiver()
	} else {
		path, err = servers.BuildTool(name)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return path
}

// healthy runs the service's health check until it passes.
func (s *stack) healthy(name string, svc service, log string) {
	s.t.Helper()
	check := svc.HealthCheck.Test
	if len(check) < 2 || check[0] != "CMD" {
		s.t.Fatalf("%s: health check %q", name, check)
	}
	var args []string
	for _, a := range check[2:] {
		args = append(args, s.mapping.apply(a))
	}
	var out []byte
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		cmd := exec.Command(check[1], args...)
		cmd.Env = append(os.Environ(), "ETCDCTL_API=3", "ETCDCTL_ENDPOINTS="+s.mapping["etcd:2379"])
		var err error
		if out, err = cmd.CombinedOutput(); err == nil {
			return
		}
	}
	text, _ := os.ReadFile(log)
	s.t.Fatalf("%s does not get healthy: %s\n%s", name, out, text)
}

// down stops the services as docker-compose does: SIGTERM, the last first.
func (s *stack) down() {
	for _, name := range []string{"quiver", "minio", "etcd"} {
		if cmd := s.running[name]; cmd != nil {
			cmd.Process.Signal(syscall.SIGTERM)
			cmd.Wait()
			delete(s.running, name)
		}
	}
}

func TestUpDownUp(t *testing.T) {
	volumes := t.TempDir()
	file := config(t, volumes)
	m := mapping{}
	for host, ports := range map[string][]string{"etcd": {"2379"}, "minio": {"9000"}, "quiver": {"5433", "8433"}} {
		for _, port := range ports {
			addr := servers.FreeAddr(t)
			m[host+":"+port], m["0.0.0.0:"+port] = addr, addr
		}
		svc, ok := file.Services[host]
		if !ok {
			t.Fatalf("no service %s", host)
		}
		if svc.Restart == "" {
			t.Errorf("%s has no restart policy", host)
		}
		for _, v := range svc.Volumes {
			parts := strings.Split(v, ":")
			if want := filepath.Join(volumes, "volumes", host); parts[0] != want {
				t.Errorf("%s keeps its data in %s, want %s", host, parts[0], want)
			}
			if err := os.MkdirAll(parts[0], 0o755); err != nil {
				t.Fatal(err)
			}
			m[parts[1]] = parts[0]
		}
		for _, secret := range svc.Secrets {
			m["/run/secrets/"+secret.Source] = file.Secrets[secret.Source].File
		}
	}
	s := &stack{t: t, file: file, mapping: m, peer: servers.FreeAddr(t), running: map[string]*exec.Cmd{}}
	t.Cleanup(s.down)
	password, err := os.ReadFile(file.Secrets["quiver_password"].File)
	if err != nil {
		t.Fatal(err)
	}
	dsn := url.URL{Scheme: "postgres", Host: m["quiver:5433"], Path: "/postgres",
		User: url.UserPassword("postgres", strings.TrimSpace(string(password))), RawQuery: "sslmode=disable"}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	connect := func() *pgx.Conn {
		t.Helper()
		c, err := pgx.Connect(ctx, dsn.String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	s.up()
	c := connect()
	for _, sql := range []string{
		"CREATE EXTENSION IF NOT EXISTS vector",
		"CREATE TABLE items (id bigserial PRIMARY KEY, embedding vector(3))",
		"INSERT INTO items (embedding) SELECT ARRAY[g, g, g]::vector FROM generate_series(1, 1000) g",
		"CHECKPOINT",
		"INSERT INTO items (embedding) VALUES ('[0.25,0.25,0.25]')",
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	c.Close(ctx)
	wrong := dsn
	wrong.User = url.UserPassword("postgres", "wrong")
	if _, err := pgx.Connect(ctx, wrong.String()); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("a wrong password: %v, want SQLSTATE 28P01", err)
	}
	s.down()
	for _, dir := range []string{"etcd", "minio", "quiver"} {
		entries, err := os.ReadDir(filepath.Join(volumes, "volumes", dir))
		if err != nil || len(entries) == 0 {
			t.Errorf("the volume %s is empty: %v", dir, err)
		}
	}
	if objects, _ := filepath.Glob(filepath.Join(volumes, "volumes", "minio", "quiver", "files", "insert_log", "*")); len(objects) == 0 {
		t.Error("MinIO holds no binlogs after CHECKPOINT")
	}

	s.up()
	c = connect()
	var n, nearest int64
	if err := c.QueryRow(ctx, "SELECT count(*) FROM items").Scan(&n); err != nil || n != 1001 {
		t.Fatalf("after down and up: %d rows, %v", n, err)
	}
	if err := c.QueryRow(ctx, "SELECT id FROM items ORDER BY embedding <-> '[0,0,0]' LIMIT 1").Scan(&nearest); err != nil || nearest != 1001 {
		t.Fatalf("nearest: %d, %v", nearest, err)
	}
	c.Close(ctx)
	s.down()

	// The volumes packed up and unpacked elsewhere.
	elsewhere := t.TempDir()
	pack := exec.Command("sh", "-c", `tar -C "$1" -cf - volumes | tar -C "$2" -xf -`, "sh", volumes, elsewhere)
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v %s", err, out)
	}
	if err := os.RemoveAll(filepath.Join(volumes, "volumes")); err != nil {
		t.Fatal(err)
	}
	for from, to := range m {
		if inside, ok := strings.CutPrefix(to, volumes+"/"); ok {
			m[from] = filepath.Join(elsewhere, inside)
		}
	}
	s.up()
	moved := connect()
	defer moved.Close(ctx)
	if err := moved.QueryRow(ctx, "SELECT count(*) FROM items").Scan(&n); err != nil || n != 1001 {
		t.Fatalf("from volumes unpacked elsewhere: %d rows, %v", n, err)
	}
	if err := moved.QueryRow(ctx, "SELECT count(*) FROM quiver.check()").Scan(&n); err != nil || n != 0 {
		t.Errorf("quiver.check(): %d things are wrong, %v", n, err)
	}
	host, port, _ := net.SplitHostPort(m["quiver:5433"])
	t.Logf("%s", fmt.Sprintf("quiver on %s:%s over etcd and MinIO: 1,001 rows before and after", host, port))
}
