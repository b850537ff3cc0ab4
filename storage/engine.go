package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/internal/hlc"
	"quiver/internal/offheap"
	"quiver/storage/cache"
	"quiver/storage/jobs"
	"quiver/storage/lock"
	"quiver/storage/objstore"
	"quiver/storage/segment"
	"quiver/storage/vfs"
	"quiver/storage/wal"
	"quiver/vector"
	_ "quiver/vector/ivf" // ivfflat and diskann
)

// Options opens an Engine. Catalog, Log, Objects and Clock are required; the
// Engine uses them until Close but does not close them.
type Options struct {
	Catalog *catalog.Catalog
	Log     wal.Log
	Objects objstore.Store
	Clock   hlc.Source
	// Scratch is where transactions spill and objects are cached; its contents
	// are worthless after a restart.
	Scratch vfs.FS
	// Memory is the off-heap allocator and its budget; nil makes one of
	// MemoryBytes.
	Memory *offheap.Allocator
	// DiskReserve is how much of the disk below Scratch new rows leave free; 0 is
	// none.
	DiskReserve int64
	// MemoryBytes is the off-heap budget when Memory is nil; 0 is 1 GiB.
	MemoryBytes int64
	// GrowingBytesMax bounds the memory of all growing segments: beyond it the
	// largest is sealed and flushed, then writers wait. 0 is half the budget.
	GrowingBytesMax int64
	// SegmentBytesMax seals a growing segment (segment_max_size); 0 is 512 MiB.
	SegmentBytesMax int64
	// LoadBytesMin is from how many bytes on the rows that a bulk load brings to a
	// shard are written as segments of their own; 0 is 8 MiB.
	LoadBytesMin int64
	// SealAfter seals a growing segment by age; 0 is 10 minutes.
	SealAfter time.Duration
	// CacheBytes bounds the local copies of remote objects; 0 is 8 GiB.
	CacheBytes int64
	// ResidentBytes bounds what mapped files take of the process's resident memory;
	// 0 leaves it to the system.
	ResidentBytes int64
	// GrowingIndexRows is from how many rows on a growing segment has vector
	// indexes; 0 is 1,024.
	GrowingIndexRows int
	// SettleAfter is for how long after a flush small segments get no index,
	// for another flush may bring rows that are indexed with theirs. 0 is a
	// second, or no time if Manual.
	SettleAfter time.Duration
	// MaintenanceBytes is what each worker of a background build of a vector
	// index may hold (maintenance_work_mem); 0 is 64 MiB.
	MaintenanceBytes int64
	// Retention is how long versions that no snapshot needs are kept; 0 is 10
	// minutes.
	Retention time.Duration
	// BeforeApply, if set, is called before a durable commit is applied: tests
	// hold it up.
	BeforeApply func(hlc.Timestamp)
	// SweepAfter is how old objects that nothing names must be to be removed; 0 is
	// an hour.
	SweepAfter time.Duration
	// StoreDeadline is how long VACUUM FULL waits for objects that the store does
	// not remove; 0 is 20 seconds.
	StoreDeadline time.Duration
	// IndexKeys computes what indexes of expressions and partial ones hold; nil
	// where there are none.
	IndexKeys IndexKeysOf
	// Kinds finds the kind of vector index of an access method; nil is
	// vector.KindByName.
	Kinds func(method string) vector.Kind
	// Manual switches the background jobs off: tests flush by Checkpoint.
	Manual bool
	Logger *slog.Logger
}

const (
	memoryBytesDefault  = 1 << 30
	segmentBytesDefault = 512 << 20
	cacheBytesDefault   = 8 << 30
	loadBytesMinDefault = 8 << 20
	maintenanceDefault  = 64 << 20
	sealAfterDefault    = 10 * time.Minute
	retentionDefault    = 10 * time.Minute
	growingRowsDefault  = 1 << 10
	settleDefault       = time.Second
	sweepAfterDefault   = time.Hour
	storeDeadline       = 20 * time.Second
	jobWorkers          = 3
)

func (o *Options) fill() error {
	if o.Catalog == nil || o.Log == nil || o.Objects == nil || o.Clock == nil {
		return errors.New("storage: Options lack Catalog, Log, Objects or Clock")
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = memoryBytesDefault
	}
	if o.Memory == nil {
		o.Memory = offheap.New(o.MemoryBytes)
	}
	if o.GrowingBytesMax == 0 {
		if o.GrowingBytesMax = o.Memory.Limit() / 2; o.GrowingBytesMax == 0 {
			o.GrowingBytesMax = memoryBytesDefault / 2
		}
	}
	if o.SegmentBytesMax == 0 {
		o.SegmentBytesMax = segmentBytesDefault
	}
	if o.LoadBytesMin == 0 {
		o.LoadBytesMin = loadBytesMinDefault
	}
	if o.SealAfter == 0 {
		o.SealAfter = sealAfterDefault
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheBytesDefault
	}
	if o.MaintenanceBytes == 0 {
		o.MaintenanceBytes = maintenanceDefault
	}
	if o.GrowingIndexRows == 0 {
		o.GrowingIndexRows = growingRowsDefault
	}
	if o.SettleAfter == 0 && !o.Manual {
		o.SettleAfter = settleDefault
	}
	if o.Retention == 0 {
		o.Retention = retentionDefault
	}
	if o.StoreDeadline == 0 {
		o.StoreDeadline = storeDeadline
	}
	if o.SweepAfter == 0 {
		o.SweepAfter = sweepAfterDefault
	}
	if o.Kinds == nil {
		o.Kinds = vector.KindByName
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Engine keeps the tables of one cluster. It is safe for concurrent use.
type Engine struct {
	opts    Options
	catalog *catalog.Catalog
	log     wal.Log
	clock   hlc.Source
	mem     *offheap.Allocator
	logger  *slog.Logger
	epoch   uint64

	locks    *lock.Manager
	pipeline commitPipeline
	readers  readers
	// latest is the greatest answer of now, kept is retention.
	latest  atomic.Uint64
	kept    atomic.Int64
	schemas schemaCache
	filters *filterCache

	// recovering is true while recovery runs; damaged says that it found shards that
	// cannot be read.
	recovering, damaged bool
	// ids hands out row, transaction, segment and log ids. It starts from the
	// clock, whose readings never repeat, and is slower than it, so ids never
	// repeat either: 2^18 of them a millisecond are free.
	ids atomic.Uint64
	// firstID is the first one of this process.
	firstID  uint64
	sweeping sweeping

	mu     sync.RWMutex // guards shards
	shards map[shardKey]*shard

	// privateBytes is what the rows of transactions take that have not ended.
	privateBytes atomic.Int64

	// exports has by name the snapshots that other transactions may take.
	exports sync.Map

	active  activeTxns
	shelf   *segment.Shelf
	jobs    *jobs.Runner
	budget  *jobs.Budget
	load    loadMeter
	builds  indexBuilds
	backups backupRuns
	// ddl is read-locked from the commit of a transaction with DDL until its
	// catalog is current: whoever locks it sees a catalog and rows of one moment.
	ddl     sync.RWMutex
	targets targets
	// reconciling guards settled of every shard.
	reconciling sync.Mutex
	signal      signals
	patience    patience
	closed      atomic.Bool
	// background ends at Close: what must outlive a statement runs under it.
	background context.Context
	stop       context.CancelFunc
	tasks      sync.WaitGroup
}

// Open recovers the tables: what the catalog lists, then what the log has
// beyond it. It returns once every committed row can be read.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	e := &Engine{
		opts: opts, catalog: opts.Catalog, log: opts.Log, clock: opts.Clock, mem: opts.Memory,
		logger: opts.Logger, epoch: opts.Catalog.Epoch(), locks: lock.NewManager(), shards: map[shardKey]*shard{},
		filters: newFilterCache(), patience: defaultPatience,
	}
	e.pipeline.e = e
	e.kept.Store(int64(opts.Retention))
	e.load.start = time.Now()
	e.catalog.SetTableSize(e.tableSize)
	e.catalog.SetIndexSize(e.indexSize)
	files := cache.NewFiles(cache.Options{Store: opts.Objects, Scratch: opts.Scratch, BytesMax: opts.CacheBytes, ResidentMax: opts.ResidentBytes, Mem: e.mem.Unlimited()})
	e.shelf = &segment.Shelf{Files: files, Events: cache.NewEvents(opts.GrowingBytesMax / 4), Mem: e.mem.Unlimited(), Copies: e.readsCopies}
	e.jobs = jobs.NewRunner(e.logger, jobWorkers)
	e.budget = jobs.NewBudget(cores.Count(), e.load.processors)
	e.catalog.SetIndexBuilds(e.builds.list)
	e.signal.init()
	e.background, e.stop = context.WithCancel(context.Background())
	first, err := e.clock.Next()
	if err != nil {
		return nil, fmt.Errorf("storage: clock: %w", err)
	}
	e.ids.Store(uint64(first))
	e.firstID = uint64(first)
	e.pipeline.watermark.Store(uint64(first))
	e.recovering = true
	if err := e.recover(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.recovering = false
	if !opts.Manual {
		e.submitSweep()
		e.tasks.Go(e.maintain)
		e.tasks.Go(e.follow)
	}
	return e, nil
}

// newIDs reserves n consecutive ids and returns the first.
func (e *Engine) newIDs(n int) uint64 { return e.ids.Add(uint64(n)) - uint64(n) + 1 }

// Close ends the engine. Transactions that still run fail at their next call;
// nothing is flushed, for the log has it all.
func (e *Engine) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	e.stop()
	e.tasks.Wait()
	e.jobs.Close()
	// The clock must not go on below the ids: see ids.
	e.clock.Observe(hlc.Timestamp(e.ids.Load()))
	e.releaseShards()
	e.shelf.Events.Shrink(0)
	e.shelf.Files.Close()
	return nil
}

func (e *Engine) releaseShards() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.shards {
		s.replace(newShardView(nil))
	}
	clear(e.shards)
}

// Begin starts a transaction.
func (e *Engine) Begin(_ context.Context, opts TxnOptions) (Txn, error) {
	if e.closed.Load() {
		return nil, ErrClosed
	}
	return newTxn(e, opts), nil
}
