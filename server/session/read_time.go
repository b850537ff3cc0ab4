package session

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/planner/plan"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// When statements read: quiver.read_timestamp and SET TRANSACTION SNAPSHOT, what
// consistency levels wait for, and snapshots that transactions share.

// parseReadTimestamp reads a number of quiver.now(), or a time, of which all is
// meant that was committed up to the end of its millisecond; false for what is
// neither.
func parseReadTimestamp(text string, f *types.Format) (hlc.Timestamp, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && len(text) > len("20060102150405") {
		return hlc.Timestamp(n), n > 0
	}
	micros, err := types.ParseTimestamptz(text, f)
	if err != nil || micros <= 0 || micros/1000 >= 1<<(63-hlc.CounterBits) {
		return 0, false
	}
	return hlc.At(time.UnixMicro(micros)) | (1<<hlc.CounterBits - 1), true
}

// checkReadTimestamp refuses a value of quiver.read_timestamp that is no time.
func (s *Session) checkReadTimestamp(text string) error {
	if text == "" {
		return nil
	}
	if _, ok := parseReadTimestamp(text, s.timeFormat()); !ok {
		return invalidReadTimestamp(text)
	}
	return nil
}

// timeFormat is how the session reads times.
func (s *Session) timeFormat() *types.Format {
	s.refreshDerived()
	f := s.derived.format
	if f.Now = s.txn.time; s.txn.state == txnIdle {
		f.Now = time.Now().UnixMicro()
	}
	return &f
}

func invalidReadTimestamp(text string) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidParameterValue, `invalid value for parameter "%s": "%s"`, readTimestampSetting, text).
		WithHint("A time, as '2030-01-31 12:00:00', or a number that quiver.now() gave.")
}

const readTimestampSetting = "quiver.read_timestamp"

// readAt is when in the past the next statement reads; 0 is the present.
func (s *Session) readAt() (hlc.Timestamp, error) {
	if s.txn.readAt != 0 {
		return s.txn.readAt, nil
	}
	s.refreshDerived()
	text := s.derived.readTimestamp
	if text == "" {
		return 0, nil
	}
	at, ok := parseReadTimestamp(text, s.timeFormat())
	if !ok {
		return 0, invalidReadTimestamp(text)
	}
	return at, nil
}

// writesRefused is the error of a statement that writes where only reads are
// allowed; nil where it may.
func (s *Session) writesRefused(command string) error {
	s.refreshDerived()
	past := s.txn.readAt != 0 || s.derived.readTimestamp != ""
	if !s.txn.readOnly && !past {
		return nil
	}
	e := sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute %s in a read-only transaction", command)
	if past {
		e = e.WithDetail("The transaction reads the past.").WithHint("RESET quiver.read_timestamp returns to the present.")
	}
	return e
}

// WritesRefused is executor.Sessions'.
func (s *Session) WritesRefused(command string) error { return s.writesRefused(command) }

// prepareRead tells the storage transaction when the next snapshot reads, and what
// it waits for.
func (s *Session) prepareRead(ctx context.Context, store storage.Txn, p *plan.Statement) error {
	at, err := s.readAt()
	if err != nil {
		return err
	}
	if err := store.ReadAt(ctx, at); err != nil {
		return err
	}
	c := s.consistency()
	if !s.derived.consistencyGiven {
		c.Level = tablesLevel(s.view(), p)
	}
	store.SetConsistency(c)
	return nil
}

// consistency is what the session's settings say.
func (s *Session) consistency() storage.Consistency {
	s.refreshDerived()
	return storage.Consistency{
		Level: s.derived.consistency, Staleness: s.derived.staleness, After: s.lastCommit,
		AnswerEarly: s.derived.consistency != storage.ConsistencyStrong,
	}
}

var consistencyLevels = map[string]storage.ConsistencyLevel{
	"strong": storage.ConsistencyStrong, "bounded": storage.ConsistencyBounded,
	"session": storage.ConsistencySession, "eventually": storage.ConsistencyEventually,
}

// tablesLevel is the strongest level of a statement's tables.
func tablesLevel(view catalog.View, p *plan.Statement) storage.ConsistencyLevel {
	level := storage.ConsistencyEventually
	for _, use := range p.Tables {
		table := view.Table(use.OID)
		if table == nil || table.Options.ConsistencyLevel == "" {
			return storage.ConsistencyStrong
		}
		level = min(level, consistencyLevels[table.Options.ConsistencyLevel])
	}
	if len(p.Tables) == 0 {
		return storage.ConsistencyStrong
	}
	return level
}

// deriveReading reads the settings of what statements read.
func (s *Session) deriveReading() {
	d := &s.derived
	level, _ := s.values.Get("quiver.consistency_level")
	d.consistency = consistencyLevels[level]
	d.consistencyGiven = s.values.Given("quiver.consistency_level")
	d.staleness = s.duration("quiver.bounded_staleness")
	d.readTimestamp, _ = s.values.Get(readTimestampSetting)
}

// isReading says of a setting that plans do not depend on it.
func isReading(s *settings.Setting) bool {
	switch s.Name {
	case readTimestampSetting, "quiver.consistency_level", "quiver.bounded_staleness", "quiver.gc_retention":
		return true
	}
	return false
}

// snapshotName is the form of exported snapshots.
var snapshotName = regexp.MustCompile(`^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{8}-[0-9]+$`)

// setSnapshot is SET TRANSACTION SNAPSHOT: one that another transaction exported,
// or a time of the past.
func (s *Session) setSnapshot(ctx context.Context, name string) error {
	if s.txn.used || len(s.txn.savepoints) > 0 {
		return sqlerr.New(sqlerr.ActiveSQLTransaction, "SET TRANSACTION SNAPSHOT must be called before any query")
	}
	if at, ok := parseReadTimestamp(name, s.timeFormat()); ok && !snapshotName.MatchString(name) {
		s.txn.readAt = at
		return nil
	}
	if s.txn.isolation != "repeatable read" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "a snapshot-importing transaction must have isolation level SERIALIZABLE or REPEATABLE READ")
	}
	if !snapshotName.MatchString(name) {
		return noSnapshot(name)
	}
	store, err := s.store(ctx)
	if err != nil {
		return err
	}
	switch err := store.ImportSnapshot(name); {
	case errors.Is(err, storage.ErrNoSnapshot):
		return noSnapshot(name)
	case errors.Is(err, storage.ErrOtherDatabase):
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot import a snapshot from a different database")
	case err != nil:
		return err
	}
	s.txn.used = true
	return nil
}

func noSnapshot(name string) error {
	return sqlerr.New(sqlerr.InvalidParameterValue, `invalid snapshot identifier: "%s"`, name)
}

// ExportSnapshot is pg_export_snapshot.
func (s *Session) ExportSnapshot(ctx context.Context) (string, error) {
	if len(s.txn.savepoints) > 0 {
		return "", sqlerr.New(sqlerr.ActiveSQLTransaction, "cannot export a snapshot from a subtransaction")
	}
	store, err := s.store(ctx)
	if err != nil {
		return "", err
	}
	return store.ExportSnapshot(), nil
}

// tooEarly tells from when on a table can be read.
func (s *Session) tooEarly(e *storage.TooEarlyError) *sqlerr.Error {
	// The next whole millisecond.
	at := e.Earliest.Time().UnixMicro()
	if e.Earliest&(1<<hlc.CounterBits-1) != 0 {
		at += 1000
	}
	text := time.UnixMicro(at).In(s.timeFormat().TimeZone.Loc).Format("2006-01-02 15:04:05.000-07:00")
	return sqlerr.Wrap(e, sqlerr.InvalidParameterValue, `table "%s" cannot be read before %s`, e.Table, text).
		WithDetail("The earliest read timestamp is %d: older versions of its rows are not kept.", e.Earliest).
		WithHint("The storage parameter gc_retention says for how long they are.")
}
