package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"quiver/catalog"
	"quiver/internal/offheap"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/test/cluster"
)

// failure is how a run ends in which server and model differ.
type failure struct {
	text string
	log  []string
	// ops are the operations that were run.
	ops []int
}

func (f *failure) Error() string { return f.text }

// session is a client; txn is nil outside of a block.
type session struct {
	slot int64
	conn *pgconn.PgConn
	txn  *txn
}

// backup is one that was taken: of all tables, or of one.
type backup struct {
	name, url string
	state     *state
	// history are the states that it can be restored at, too.
	history []*state
}

// run is one seed: a cluster and its model.
type run struct {
	ctx      context.Context
	dir      string
	cluster  *cluster.Cluster
	sessions [slots]*session
	// retention is the server's.
	retention time.Duration
	// keys is how many keys a slot has.
	keys int64

	state   *state
	history []*state
	backups []backup
	// locks say which slots use a table in open blocks; true is alone.
	locks map[string]map[int64]bool
	// crashing makes the next statement that commits run into a power cut.
	crashing bool
	random   *rand.Rand // of the operation
	// did says that the operation did something.
	did    bool
	serial int
	log    []string
	counts map[string]int
}

// tally counts over seeds.
type tally struct {
	// operations are those that were done, drawn those and what could not be done as
	// things were.
	operations, drawn int
	counts            map[string]int
	// memory is that of all servers, one after the other.
	memory *offheap.Allocator
}

func newTally() *tally { return &tally{counts: map[string]int{}, memory: offheap.New(0)} }

func newRun(ctx context.Context, seed uint64, dir string, memory *offheap.Allocator) *run {
	random := rand.New(rand.NewPCG(seed, 1))
	r := &run{
		ctx: ctx, dir: dir, state: &state{tables: map[string]*table{}, aliases: map[string]string{}, databases: map[string][]int64{}},
		locks: map[string]map[int64]bool{}, counts: map[string]int{}, keys: 20 + random.Int64N(60),
		retention: []time.Duration{1, 10 * time.Minute, 5*time.Hour + 30*time.Minute}[random.IntN(3)],
	}
	o := storage.Options{
		Retention: r.retention, GrowingIndexRows: 20 + random.IntN(60), Manual: random.IntN(2) == 0,
		SegmentBytesMax: 1 << (12 + random.IntN(12)), SettleAfter: time.Millisecond, Memory: memory,
	}
	if o.Manual {
		o.SettleAfter = 0
	}
	if random.IntN(3) > 0 { // loads of so few rows become segments of their own
		o.LoadBytesMin = 1 << random.IntN(12)
	}
	faults := catalog.Faults{}
	if random.IntN(2) == 0 {
		faults = catalog.Faults{Seed: random.Uint64(), LoseRequest: 0.01, LoseReply: 0.02, Delay: 0.01}
	}
	r.cluster = cluster.New(cluster.Options{Engine: o, TempDir: dir, KV: faults, LogFileBytes: 1 << (20 + random.IntN(2))})
	r.logf("-- seed %d: retention %v, manual %t, segments of %d bytes", seed, r.retention, o.Manual, o.SegmentBytesMax)
	return r
}

func (r *run) logf(format string, args ...any) { r.log = append(r.log, fmt.Sprintf(format, args...)) }

// failf ends the run.
func (r *run) failf(format string, args ...any) {
	panic(&failure{text: fmt.Sprintf(format, args...), log: r.log})
}

func (r *run) check(err error) {
	if err != nil {
		r.failf("%v", err)
	}
}

// scratch makes a directory for backups, exports and files to load. What is compared
// is their contents, never what a power cut leaves of them, and to sync each to a disk
// takes longer than all else: they lie in memory where there is room.
func scratch() (string, error) {
	const memory, room = "/dev/shm", 1 << 30
	var s unix.Statfs_t
	if unix.Statfs(memory, &s) == nil && s.Bavail*uint64(s.Bsize) > room {
		if dir, err := os.MkdirTemp(memory, "model"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "model")
}

// play runs some of a seed's operations.
func play(ctx context.Context, seed uint64, ops []int, total *tally) (err error) {
	dir, err := scratch()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := newRun(ctx, seed, dir, total.memory)
	done := 0
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(*failure)
			if !ok {
				panic(p)
			}
			f.ops = ops[:min(done+1, len(ops))]
			err = f
		}
		r.disconnect()
		if stop := r.stop(); err == nil && stop != nil {
			err = &failure{text: fmt.Sprint("stop: ", stop), log: r.log, ops: ops}
		}
	}()
	r.start()
	r.connect()
	for i, op := range ops {
		done = i
		r.random = rand.New(rand.NewPCG(seed, uint64(op)+1000))
		r.did = false
		r.step()
		total.drawn++
		if r.did {
			total.operations++
		}
	}
	r.random = rand.New(rand.NewPCG(seed, 2))
	r.restart()
	for name, n := range r.counts {
		total.counts[name] += n
	}
	return nil
}

// step runs one operation of one session.
func (r *run) step() {
	s := r.sessions[r.random.IntN(slots)]
	if s.txn != nil && s.txn.failed {
		r.endFailed(s)
		return
	}
	n := r.random.IntN(weights)
	for _, o := range operations {
		if n -= o.weight; n < 0 {
			o.run(r, s)
			if r.did {
				r.counts[o.name]++
			}
			return
		}
	}
}

// fresh is a name or a number that was not used.
func (r *run) fresh() int { r.serial++; return r.serial }

func (r *run) connect() {
	for i := range r.sessions {
		conn, err := r.cluster.Connect(r.ctx, "postgres")
		r.check(err)
		if r.sessions[i] == nil {
			r.sessions[i] = &session{slot: int64(i)}
		}
		r.sessions[i].conn, r.sessions[i].txn = conn, nil
		// All lists, so that searches of them find what there is.
		if _, err := r.query(r.sessions[i], "SET ivfflat.probes = 32768"); err != nil {
			r.failf("%v", err)
		}
	}
	if _, err := r.query(r.sessions[slots-1], "SET quiver.consistency_level = 'session'"); err != nil {
		r.failf("%v", err)
	}
}

func (r *run) disconnect() {
	gone, cancel := context.WithCancel(r.ctx)
	cancel()
	for _, s := range r.sessions {
		if s != nil && s.conn != nil {
			_ = s.conn.Close(gone)
		}
	}
}

// query runs a statement and returns its rows as text.
func (r *run) query(s *session, sql string) ([]string, error) {
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Minute)
	defer cancel()
	results, err := s.conn.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) == 0 {
		return nil, err
	}
	last := results[len(results)-1]
	rows := make([]string, 0, len(last.Rows))
	for _, values := range last.Rows {
		var b strings.Builder
		for i, v := range values {
			if i > 0 {
				b.WriteByte('|')
			}
			if v == nil {
				b.WriteString(null)
			}
			b.Write(v)
		}
		rows = append(rows, b.String())
	}
	return rows, last.Err
}

// codeOf is an error's SQLSTATE; its text where it has none.
func codeOf(err error) string {
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		return e.Code
	case err != nil:
		return err.Error()
	}
	return ""
}

// statement is what changes server and model: SQL, or a COPY of data.
type statement struct {
	sql  string
	copy []byte
	// code is the SQLSTATE that is due; "" is success.
	code string
	// effect is what it does to the transaction; nil is nothing.
	effect func(*txn)
	// settle makes a state with the effect that of the server, where the server
	// chooses; nil is nothing.
	settle func(*state)
}

func (r *run) send(s *session, st statement) error {
	if st.copy == nil {
		_, err := r.query(s, st.sql)
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, 2*time.Minute)
	defer cancel()
	_, err := s.conn.CopyFrom(ctx, bytes.NewReader(st.copy), st.sql)
	return err
}

// txnOf is the session's transaction, or one of the statement alone.
func (r *run) txnOf(s *session) *txn {
	if s.txn != nil {
		return s.txn
	}
	return &txn{slot: s.slot, now: r.cluster.Clock.Now(), whole: map[string]*table{}, rows: map[string]map[int64]*row{}, aliases: map[string]string{}, databases: map[string][]int64{}}
}

// do runs a statement on both; false if the power went off in it.
func (r *run) do(s *session, st statement) bool {
	r.did = true
	r.logf("s%d: %s", s.slot, shorten(st.sql))
	if r.crashing && s.txn == nil && st.code == "" {
		r.crash(s, st)
		return false
	}
	if err := r.send(s, st); codeOf(err) != st.code {
		r.failf("s%d: %s: %v, want %q", s.slot, shorten(st.sql), err, st.code)
	}
	if st.code != "" {
		if s.txn != nil {
			s.txn.failed = true
		}
		return true
	}
	x := r.txnOf(s)
	if st.effect != nil {
		st.effect(x)
	}
	if s.txn == nil && st.effect != nil {
		r.commit(x)
		if st.settle != nil {
			st.settle(r.state)
		}
	}
	return true
}

// commit makes a transaction's changes the model's.
func (r *run) commit(x *txn) {
	r.setState(x.commit(r.state, r.cluster.Clock.Now()))
}

func (r *run) setState(s *state) {
	r.state = s
	r.history = append(r.history, s)
	if len(r.history) > 60 {
		r.history = slices.Clone(r.history[30:])
	}
}

// end ends a session's block.
func (r *run) end(s *session, sql string, commit bool) {
	x := s.txn
	s.txn = nil
	st := statement{sql: sql, effect: func(own *txn) {
		if commit {
			*own = *x
		}
	}}
	r.do(s, st)
	r.unlock(s)
}

func (r *run) endFailed(s *session) {
	if n := len(s.txn.marks); n > 0 && r.random.IntN(2) == 0 {
		r.rollbackTo(s, r.random.IntN(n))
		return
	}
	r.end(s, []string{"ROLLBACK", "COMMIT"}[r.random.IntN(2)], false)
}

func (r *run) rollbackTo(s *session, i int) {
	x := s.txn
	x.failed = false
	r.do(s, statement{sql: "ROLLBACK TO " + x.marks[i].name, effect: func(*txn) { x.rollBackTo(i) }})
}

// lock says whether a session may use a table, alone or beside others, without a
// wait; if so it does until its block ends.
func (r *run) lock(s *session, name string, alone bool) bool {
	for slot, exclusive := range r.locks[name] {
		if slot != s.slot && (alone || exclusive) {
			return false
		}
	}
	for _, other := range r.sessions {
		if alone && other != s && other.txn != nil && other.txn.frozen != nil && other.txn.frozen.tables[name] != nil {
			return false
		}
	}
	if s.txn != nil {
		if alone && s.txn.frozen != nil {
			return false
		}
		if r.locks[name] == nil {
			r.locks[name] = map[int64]bool{}
		}
		r.locks[name][s.slot] = r.locks[name][s.slot] || alone
	}
	return true
}

func (r *run) unlock(s *session) {
	for _, slots := range r.locks {
		delete(slots, s.slot)
	}
}

// pick is a table that the session may use; "" if there is none.
func (r *run) pick(s *session, alone bool) (string, *table) {
	x := r.txnOf(s)
	names := map[string]bool{}
	base := r.state
	if x.frozen != nil {
		base = x.frozen
	}
	for name := range base.tables {
		names[name] = true
	}
	for name, t := range x.whole {
		names[name] = t != nil
	}
	maps.DeleteFunc(names, func(_ string, there bool) bool { return !there })
	if len(names) == 0 {
		return "", nil
	}
	list := slices.Sorted(maps.Keys(names))
	name := list[r.random.IntN(len(list))]
	if !r.lock(s, name, alone) {
		return "", nil
	}
	return name, x.table(r.state, name)
}

// crash runs a statement that commits while the disk and the stores go away at a
// random operation, and cuts the power. It is there as a whole afterwards or, if
// it was not acknowledged, not at all.
func (r *run) crash(s *session, st statement) {
	r.crashing = false
	before := r.state
	x := r.txnOf(s)
	if st.effect != nil {
		st.effect(x)
	}
	n := r.random.IntN(16)
	r.cluster.Disk.Set(&vfs.Fault{After: n, Match: vfs.Op.Writes, Sticky: true, Short: r.random.IntN(2) == 0})
	r.cluster.Store.Set(&objstore.Fault{After: r.random.IntN(16), Sticky: true, LoseReply: r.random.IntN(2) == 0, Err: objstore.ErrUnavailable})
	err := r.send(s, st)
	after := x.commit(r.state, r.cluster.Clock.Now()) // not earlier than it was done
	r.logf("-- the disk is away after %d operations: %v; power cut", n, err)
	r.disconnect()
	r.check(r.cluster.Cut(r.random))
	r.reopen()
	if st.settle != nil {
		st.settle(after)
	}
	if err == nil {
		r.setState(after)
		r.checkAll()
		return
	}
	done, undone := r.differs(after), r.differs(before)
	switch {
	case undone == "": // or the statement changed nothing
	case done == "":
		r.counts["survived a cut unacknowledged"]++
		// Where the catalog alone knew that it was done, recovery committed it.
		now := r.cluster.Clock.Now()
		for _, t := range after.tables {
			if t.readable == after.at {
				t.readable = now
			}
		}
		after.at = now
		r.setState(after)
	default:
		r.failf("after a power cut: %s\nhad the statement been done: %s", undone, done)
	}
	r.checkAll()
}

// start starts the cluster; the catalog's store may be away for a while.
func (r *run) start() {
	for range 20 {
		err := r.cluster.Start()
		if err == nil {
			return
		}
		if !errors.Is(err, catalog.ErrUnavailable) {
			r.check(err)
		}
	}
	r.failf("the cluster does not start")
}

// stop stops it; what the catalog gives back at the end may be lost.
func (r *run) stop() error {
	if err := r.cluster.Stop(); !errors.Is(err, catalog.ErrUnavailable) {
		return err
	}
	return nil
}

// reopen starts the cluster; open transactions are lost.
func (r *run) reopen() {
	r.start()
	clear(r.locks)
	r.connect()
}

// restart stops and starts the cluster, and compares everything.
func (r *run) restart() {
	r.did = true
	r.logf("-- restart")
	r.disconnect()
	r.check(r.stop())
	r.reopen()
	r.checkAll()
}

// cut is restart by a power cut between statements.
func (r *run) cut() {
	r.did = true
	r.logf("-- power cut")
	r.disconnect()
	r.check(r.cluster.Cut(r.random))
	r.reopen()
	r.checkAll()
}

func (r *run) checkAll() {
	if text := r.differs(r.state); text != "" {
		r.failf("%s", text)
	}
	// Orphans of the dead process are removed in time.
	found, err := r.query(r.sessions[0], "SELECT kind, object FROM quiver.check() WHERE kind <> 'orphan'")
	r.check(err)
	if len(found) > 0 {
		r.failf("check finds %q", found)
	}
}
