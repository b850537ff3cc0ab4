package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/catalog"
	"quiver/internal/offheap"
	"quiver/server"
	"quiver/server/session"
	"quiver/sql/parse"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// Options makes a Cluster. The engine's catalog, log, objects, clock, scratch and
// index keys are the cluster's own, whatever Engine says; StoreDeadline is a tenth of
// a second unless it is set. Memory outlives the servers: each must have given all of
// it back when it is stopped or its power is cut.
type Options struct {
	Engine storage.Options
	// TempDir is where statements spill.
	TempDir string
	// KV are the faults of the catalog's store.
	KV catalog.Faults
	// LogFileBytes is the size of the log's files; 0 is 256 KiB.
	LogFileBytes int64
	Logger       *slog.Logger
}

// Cluster is a server and what it stands on. Its methods are for one goroutine.
type Cluster struct {
	// Disk has the log, Store the objects: set faults there.
	Disk  *vfs.Faulty
	Store *objstore.Faulty
	// Objects is what Store passes on to.
	Objects *objstore.Mem
	Clock   *Clock

	opts Options
	disk *vfs.Mem
	kv   *catalog.MemStore
	made bool

	catalog *catalog.Catalog
	log     *wal.FileLog
	Engine  *storage.Engine
	server  *server.Server
	served  chan error
}

// New makes a cluster that Start starts.
func New(o Options) *Cluster {
	if o.LogFileBytes == 0 {
		o.LogFileBytes = 256 << 10
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Engine.Memory == nil {
		o.Engine.Memory = offheap.New(0)
	}
	c := &Cluster{opts: o, disk: vfs.NewMem(), kv: catalog.NewMemStore(), Objects: objstore.NewMem(), Clock: newClock()}
	c.Disk, c.Store = vfs.NewFaulty(c.disk), objstore.NewFaulty(c.Objects)
	return c
}

// Start starts the server on what the disk and the stores have. A start that
// fails can be repeated.
func (c *Cluster) Start() (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close(context.Background()))
		}
	}()
	ctx := context.Background()
	faults := c.opts.KV
	c.opts.KV.Seed++
	if c.catalog, err = catalog.Open(ctx, catalog.Options{KV: c.kv.Open(faults), ClusterID: "test", Create: !c.made, Instance: "here"}); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	c.made = true
	if c.log, err = wal.OpenFiles(c.Disk, "wal", wal.FileOptions{Epoch: c.catalog.Epoch(), FileBytes: c.opts.LogFileBytes}); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	o := c.opts.Engine
	o.Catalog, o.Log, o.Objects, o.Clock, o.Scratch = c.catalog, c.log, c.Store, c.Clock, vfs.NewMem()
	if o.StoreDeadline == 0 {
		o.StoreDeadline = 100 * time.Millisecond
	}
	o.IndexKeys, o.Logger = session.IndexKeys(c.catalog), c.opts.Logger
	if c.Engine, err = storage.Open(ctx, o); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	c.server, err = server.Listen(server.Options{
		Config: &session.Config{
			Catalog: c.catalog, Engine: c.Engine, Parsed: parse.NewCache(4 << 20), Logger: c.opts.Logger,
			TempDir: c.opts.TempDir, StatementBytesMax: 256 << 20, Parallel: 2,
		},
		Addr: "127.0.0.1:0", Logger: c.opts.Logger,
	})
	if err != nil {
		return err
	}
	c.served = make(chan error, 1)
	go func() { c.served <- c.server.Serve(ctx) }()
	return nil
}

// Stop ends the server in order.
func (c *Cluster) Stop() error { return c.close(context.Background()) }

// Cut cuts the power: of the disk stays what was synced and a random part of the
// rest; requests to the catalog's store that are under way are done or not.
// Objects are there whole or not at all. Faults are gone. An error says that the dead
// process kept memory.
func (c *Cluster) Cut(random *rand.Rand) error {
	c.Store.Set(&objstore.Fault{Err: objstore.ErrUnavailable, Sticky: true})
	c.kv.PowerCut(random.Uint64())
	c.disk = c.disk.CrashClone(random)
	c.log.Fence(errors.New("no power"))
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	// What the dead process still does reaches neither disk nor stores.
	err := c.close(dead)
	c.Objects = c.Objects.Clone()
	c.Disk, c.Store = vfs.NewFaulty(c.disk), objstore.NewFaulty(c.Objects)
	if errors.Is(err, errMemory) {
		return err
	}
	return nil
}

var errMemory = errors.New("a server that ended has memory off the heap")

// close ends what runs; ctx is for what the catalog gives back.
func (c *Cluster) close(ctx context.Context) error {
	var errs []error
	if c.server != nil {
		errs = append(errs, c.server.Close(), <-c.served)
	}
	if c.Engine != nil {
		errs = append(errs, c.Engine.Close())
		if used := c.opts.Engine.Memory.Used(); used != 0 {
			errs = append(errs, fmt.Errorf("%w: %d bytes", errMemory, used))
		}
	}
	if c.log != nil {
		errs = append(errs, c.log.Close())
	}
	if c.catalog != nil {
		errs = append(errs, c.catalog.Close(ctx))
	}
	c.server, c.Engine, c.log, c.catalog = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Connect opens a session.
func (c *Cluster) Connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	return pgconn.Connect(ctx, "postgres://postgres@"+c.server.Addr().String()+"/"+database+"?sslmode=disable")
}
