package servers

// Etcd is an etcd server.
type Etcd struct {
	// Addr is HOST:PORT for clients.
	Addr string
	process
}

// StartEtcd starts etcd of the client's own version over a temporary directory.
// It ends with the test.
func StartEtcd(t TB) *Etcd {
	t.Helper()
	bin, err := BuildTool("etcd")
	if err != nil {
		t.Fatal(err)
	}
	return startEtcd(t, bin)
}

// StartOldestEtcd starts Debian's etcd 3.4, the oldest that Quiver works with.
func StartOldestEtcd(t TB) *Etcd {
	t.Helper()
	return startEtcd(t, "/usr/bin/etcd")
}

func startEtcd(t TB, bin string) *Etcd {
	t.Helper()
	e := &Etcd{Addr: FreeAddr(t)}
	peer := "http://" + FreeAddr(t)
	e.process = process{t: t, bin: bin, addr: e.Addr, health: "/health", args: []string{
		"--data-dir", t.TempDir(), "--name", "test", "--log-level", "error",
		"--listen-client-urls", "http://" + e.Addr, "--advertise-client-urls", "http://" + e.Addr,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "test=" + peer,
	}}
	t.Cleanup(e.Kill)
	e.Start()
	return e
}
