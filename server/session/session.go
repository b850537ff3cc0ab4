package session

import (
	"context"
	"log/slog"
	"time"

	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/executor"
	"quiver/internal/hlc"
	"quiver/server/pgwire"
	"quiver/sql/funcs"
	"quiver/sql/parse"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/storage/jobs"
	"quiver/storage/lock"
)

// Engine is what sessions ask of the storage engine.
type Engine interface {
	executor.Engine
	Begin(ctx context.Context, opts storage.TxnOptions) (storage.Txn, error)
	// Locks tells the locks that are held and waited for; owners are
	// transaction ids.
	Locks() []lock.Held
	// What the views of the schema quiver show.
	Segments() []storage.SegmentInfo
	Jobs() []jobs.State
	Caches() []storage.NamedStats
	LogInfo() storage.LogInfo
	Backups() []*storage.BackupProgress
}

// Config is what the sessions of a server share.
type Config struct {
	Catalog *catalog.Catalog
	Engine  Engine
	// Parsed keeps parsed texts.
	Parsed *parse.Cache
	Logger *slog.Logger
	// TempDir is where statements spill.
	TempDir string
	// StatementBytesMax bounds the memory that one statement's operators hold.
	StatementBytesMax int64
	// Parallel is the most goroutines a scan may use, whatever
	// max_parallel_workers_per_gather says.
	Parallel int

	// Presets are settings of the server that every session shows.
	Presets map[string]string

	backends Backends
}

// Session is one client's session. It implements pgwire.Handler and
// types.Session.
type Session struct {
	cfg      *Config
	conn     *pgwire.Conn
	pid      int32
	user     string
	database *catalog.Database
	began    time.Time
	activity activity

	values  *settings.Values
	derived derived
	// reported is what the client was last told of each setting.
	reported map[string]string

	txn        transaction
	statements map[string]*prepared
	portals    map[string]*portal
	plans      planCache
	running    running
	sequences  sequences
	// lastCommit is the timestamp of the session's last commit.
	lastCommit hlc.Timestamp
	// Generator is random()'s.
	funcs.Generator
	names pgcatalog.Names
	// version and versionView are the catalog's newest version, as last seen.
	version     *catalog.Version
	versionView catalog.View
	// spare is a planRun to use again.
	spare *planRun
	// several: the simple query has more statements than one, which then are a
	// block of their own.
	several bool
	// query is the text of the simple query or portal that runs, for the log.
	query string
}

// New makes a session for a client that has been authenticated. Errors are to
// be told to the client as fatal.
func New(ctx context.Context, cfg *Config, conn *pgwire.Conn, startup *pgwire.Startup, pid int32) (*Session, error) {
	db, err := openDatabase(cfg.Catalog, startup.Database)
	if err != nil {
		return nil, err
	}
	s := &Session{
		cfg: cfg, conn: conn, pid: pid, user: startup.User, database: db, began: time.Now(),
		values: settings.NewValues(), reported: map[string]string{},
		statements: map[string]*prepared{}, portals: map[string]*portal{},
	}
	s.running.init(ctx, conn.NetConn())
	s.values.Force("session_authorization", startup.User)
	for name, value := range cfg.Presets {
		s.values.Force(name, value)
	}
	s.databaseSettings()
	for _, p := range startup.Settings {
		if err := s.values.Startup(p.Name, p.Value); err != nil {
			s.running.close()
			return nil, err
		}
	}
	s.refreshDerived()
	cfg.backends.add(s)
	// From now on DROP DATABASE finds the session; one before may not have.
	if cfg.Catalog.Current().Descriptor(db.OID) == nil {
		s.Close()
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, `database "%s" does not exist`, startup.Database).
			WithDetail("It seems to have just been dropped or renamed.")
	}
	return s, nil
}

// Greet tells the client the settings it must know.
func (s *Session) Greet() error {
	for _, setting := range settings.All() {
		if setting.Report {
			value, _ := s.values.Get(setting.Name)
			s.reported[setting.Name] = value
			if err := s.conn.ParameterStatus(setting.Name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// report tells the client of reported settings that changed.
func (s *Session) report() error {
	if s.derived.reportedAt == s.values.Generation() {
		return nil
	}
	s.derived.reportedAt = s.values.Generation()
	for name, old := range s.reported {
		if value, _ := s.values.Get(name); value != old {
			s.reported[name] = value
			if err := s.conn.ParameterStatus(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the session: an open transaction is rolled back.
func (s *Session) Close() {
	s.cfg.backends.remove(s)
	s.rollback()
	s.dropPortals(true)
	s.running.close()
}

// PID is the backend's process number, as pg_backend_pid() tells it.
func (s *Session) PID() int32 { return s.pid }

// Status is the transaction status of ReadyForQuery.
func (s *Session) Status() byte { return s.txn.status() }

// Idle prepares for a wait for the client: idle timeouts begin.
func (s *Session) Idle() {
	s.refreshDerived()
	timeout := s.derived.idleTimeout
	if s.txn.inBlock() {
		timeout = s.derived.idleInTransactionTimeout
	}
	s.activity.wait(s.Status(), s.txn.time)
	if timeout > 0 {
		s.derived.deadlineSet = true
		s.running.readUntil(time.Now().Add(timeout))
	}
}

// Busy ends the wait.
func (s *Session) Busy() {
	if s.derived.deadlineSet {
		s.derived.deadlineSet = false
		s.running.readUntil(time.Time{})
	}
}

// The methods of types.Session.

// CurrentUser is current_user.
func (s *Session) CurrentUser() string { return s.user }

// SessionUser is session_user.
func (s *Session) SessionUser() string { return s.user }

// Database is current_database().
func (s *Session) Database() string { return s.database.Name }

// BackendPID is pg_backend_pid().
func (s *Session) BackendPID() int32 { return s.pid }

// Notice sends a NoticeResponse unless client_min_messages hides it. Notices
// with a warning's SQLSTATE are warnings.
func (s *Session) Notice(code, message string) {
	e := sqlerr.New(sqlerr.Code(code), "%s", message)
	e.Severity = sqlerr.SeverityNotice
	if code != string(sqlerr.SuccessfulCompletion) && code != "" && code[:2] == "01" {
		e.Severity = sqlerr.SeverityWarning
	}
	s.notify(e)
}

// warn sends a warning.
func (s *Session) warn(code sqlerr.Code, format string, args ...any) {
	e := sqlerr.New(code, format, args...)
	e.Severity = sqlerr.SeverityWarning
	s.notify(e)
}

func (s *Session) notify(e *sqlerr.Error) {
	least, _ := s.values.Get("client_min_messages")
	if least == "error" || least == "warning" && e.Severity != sqlerr.SeverityWarning {
		return
	}
	// A broken connection is noticed by whoever sends the result.
	_ = s.conn.Notice(e)
}

var _ types.Session = (*Session)(nil)
var _ pgwire.Handler = (*Session)(nil)
