package catalog

import (
	"cmp"
	"context"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	etcdtypes "go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3compactor"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// member is etcd's server in this process: a cluster of one, with no listener
// at all. The client calls its methods directly.
type member struct {
	server *etcdserver.EtcdServer
	lock   *fileutil.LockedFile
	dir    string

	// ended is closed when etcd has given up, reason says why.
	ended   chan struct{}
	endOnce sync.Once
	reason  string

	space sync.Mutex // held by the one that makes space
}

const (
	memberName = "quiver"
	// memberURL is in the stored membership. Nothing listens there and nobody
	// dials it, so a copied directory opens anywhere.
	memberURL = "http://quiver.invalid:2380"

	tickMs     = 100
	electionMs = 500
	// campaignEvery is how often a member that starts looks whether it can lead.
	campaignEvery = 500 * time.Microsecond

	walSegmentBytes  = 4 << 20
	revisionsKept    = 1000
	quotaBytes       = 4 << 30
	snapshotEntries  = 10_000
	embeddedMaxBytes = 1536 << 10
)

// walSegmentOnce: the segment size is a variable of etcd's package.
var walSegmentOnce sync.Once

// OpenEmbedded starts etcd in this process over dir and connects to it. It is
// ErrOwned when another process has dir open.
func OpenEmbedded(ctx context.Context, dir string, log *slog.Logger) (*EtcdKV, error) {
	walSegmentOnce.Do(func() { wal.SegmentSizeBytes = walSegmentBytes })
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := fileutil.TryLockFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, fmt.Errorf("%w: the directory %s is in use", ErrOwned, dir)
	}
	if err != nil {
		return nil, err
	}
	m := &member{lock: lock, dir: dir, ended: make(chan struct{})}
	cfg, err := memberConfig(dir, log)
	if err == nil {
		cfg.Logger = etcdLogger(log, m.end)
		err = m.start(ctx, cfg)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("catalog: embedded etcd: %w", err), lock.Close())
	}
	return &EtcdKV{client: v3client.New(m.server), member: m}, nil
}

// starting is held while a member starts: etcd tells the state of one of a process's
// members, the newest.
var starting sync.Mutex

func (m *member) start(ctx context.Context, cfg config.ServerConfig) (err error) {
	starting.Lock()
	defer starting.Unlock()
	if err := m.open(ctx, cfg); err != nil {
		return err
	}
	// The ticks by which a lone member's election is brought forward could fall into
	// what campaign waits for.
	m.server.Cfg.ElectionTicks = 1
	m.server.Start()
	look := time.NewTicker(campaignEvery)
	defer look.Stop()
	for {
		select {
		case <-m.server.ReadyNotify():
			return nil
		case <-m.ended:
			return m.failure() // what it still runs goes with the process
		case <-m.server.StopNotify():
			return errors.New("it stopped at once")
		case <-ctx.Done():
			m.server.HardStop()
			return ctx.Err()
		case <-look.C:
			if err := m.campaign(ctx); err != nil {
				m.server.HardStop()
				return err
			}
		}
	}
}

// open makes the server of what is in the directory, in a goroutine of its own: etcd
// ends the one that meets damage.
func (m *member) open(ctx context.Context, cfg config.ServerConfig) (err error) {
	opened := make(chan struct{})
	var server *etcdserver.EtcdServer
	var failed error
	go func() {
		defer close(opened)
		defer func() {
			if p := recover(); p != nil { // bbolt's way to say what is wrong with its file
				failed = m.damage(fmt.Sprint(p))
			}
		}()
		debug.SetPanicOnFault(true) // a page number beyond the mapped file
		server, failed = etcdserver.NewServer(cfg)
	}()
	select {
	case <-m.ended:
		return m.failure()
	case <-ctx.Done():
		return ctx.Err()
	case <-opened:
	}
	switch {
	case failed != nil:
		return failed
	case server == nil: // by Goexit
		return cmp.Or(m.failure(), errors.New("it ended"))
	}
	m.server = server
	return nil
}

// end takes note that etcd gives up.
func (m *member) end(reason string) {
	m.endOnce.Do(func() {
		m.reason = reason
		close(m.ended)
	})
}

// failure says why etcd has given up; nil if it has not.
func (m *member) failure() error {
	select {
	case <-m.ended:
		return m.damage(m.reason)
	default:
		return nil
	}
}

// damage names the files of the catalog.
func (m *member) damage(reason string) error {
	return fmt.Errorf("%s and the log beside it cannot be used: %s", filepath.Join(m.dir, "member", "snap", "db"), reason)
}

// campaign has the member elect itself, with the message by which a leader hands over.
// Without it, the member would wait for a random time to hear of a leader, and in a
// cluster of one there is none to hear of. It must have applied what its log says is
// committed: raft looks there for changes of the cluster, and gives up its goroutine,
// the whole store with it, if the first entries are cut already, which etcd does after
// a hundred. To lead is not to be ready: only the first write of the new term commits
// what an earlier one logged last.
func (m *member) campaign(ctx context.Context) error {
	published, ok := expvar.Get("raft.status").(expvar.Func)
	if !ok {
		return nil // an election will come
	}
	status, ok := published.Value().(raft.Status)
	if !ok || status.ID == raft.None || status.Lead != raft.None || status.Applied < status.GetCommit() {
		return nil
	}
	err := m.server.Process(ctx, &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), From: &status.ID, To: &status.ID})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("campaign: %w", err)
	}
	return nil
}

// memberConfig starts from etcd's defaults; what differs is what one process
// over a local disk wants: short elections, small files, quiet logs.
func memberConfig(dir string, log *slog.Logger) (config.ServerConfig, error) {
	peer, err := url.Parse(memberURL)
	if err != nil {
		return config.ServerConfig{}, err
	}
	urls := etcdtypes.URLs{*peer}
	d := embed.NewConfig()
	return config.ServerConfig{
		Name: memberName, DataDir: dir,
		ClientURLs: urls, PeerURLs: urls,
		InitialPeerURLsMap:  etcdtypes.URLsMap{memberName: urls},
		InitialClusterToken: memberName, NewCluster: true,

		TickMs: tickMs, ElectionTicks: electionMs / tickMs, InitialElectionTickAdvance: true, PreVote: true,
		BootstrapTimeout: 10 * time.Second,

		SnapshotCount: snapshotEntries, SnapshotCatchUpEntries: d.SnapshotCatchUpEntries,
		MaxSnapFiles: d.MaxSnapFiles, MaxWALFiles: d.MaxWalFiles,
		AutoCompactionMode: v3compactor.ModeRevision, AutoCompactionRetention: revisionsKept,
		QuotaBackendBytes: quotaBytes,

		MaxTxnOps: TxnOpsMax, MaxRequestBytes: embeddedMaxBytes, MaxConcurrentStreams: d.MaxConcurrentStreams,
		WarningApplyDuration: d.WarningApplyDuration, WarningUnaryRequestDuration: d.WarningUnaryRequestDuration,
		StrictReconfigCheck: true, AuthToken: d.AuthToken, BcryptCost: d.BcryptCost, TokenTTL: d.AuthTokenTTL,
		MaxLearners: d.MaxLearners, V2Deprecation: d.V2DeprecationEffective(),
		ServerFeatureGate: d.ServerFeatureGate, DowngradeCheckTime: d.DowngradeCheckTime, Metrics: d.Metrics,
		Logger: etcdLogger(log, nil),
	}, nil
}

// makeSpace answers the space alarm: it drops old revisions, gives their pages
// back and disarms the alarm. One caller does it, the others wait and retry.
func (m *member) makeSpace(ctx context.Context, client *clientv3.Client) error {
	m.space.Lock()
	defer m.space.Unlock()
	if len(m.server.Alarms()) == 0 {
		return nil // another caller has done it
	}
	now, err := client.Get(ctx, rootPrefix, clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	if _, err := client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		return err
	}
	if err := m.server.Backend().Defrag(); err != nil {
		return err
	}
	for _, a := range m.server.Alarms() {
		_, err := m.server.Alarm(ctx, &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: a.MemberID, Alarm: a.Alarm})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *member) close() {
	if m.failure() == nil { // it would wait for the goroutine that ended
		m.server.Stop()
	}
	_ = m.lock.Close() // the process's end would unlock it just as well
}
