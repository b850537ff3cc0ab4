package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/sql/types"
	"quiver/storage/lock"
)

// ProvideLive makes the relations on sessions show those of this server. Call
// it once, before the first session.
func (c *Config) ProvideLive() error {
	return errors.Join(
		pgcatalog.Provide(c.Catalog, "pg_stat_activity", c.fillActivity),
		pgcatalog.Provide(c.Catalog, "pg_stat_ssl", c.fillSSL),
		pgcatalog.Provide(c.Catalog, "pg_stat_progress_copy", c.fillCopyProgress),
		pgcatalog.Provide(c.Catalog, "pg_locks", c.fillLocks),
		pgcatalog.Provide(c.Catalog, "pg_prepared_statements", fillPrepared),
		pgcatalog.Provide(c.Catalog, "pg_cursors", fillCursors),
		pgcatalog.Provide(c.Catalog, "quiver.segments", c.fillSegments),
		pgcatalog.Provide(c.Catalog, "quiver.binlogs", c.fillBinlogs),
		pgcatalog.Provide(c.Catalog, "quiver.partitions", c.fillPartitions),
		pgcatalog.Provide(c.Catalog, "quiver.jobs", c.fillJobs),
		pgcatalog.Provide(c.Catalog, "quiver.cache", c.fillCache),
		pgcatalog.Provide(c.Catalog, "quiver.wal", c.fillWAL),
		pgcatalog.Provide(c.Catalog, "quiver.backup_progress", c.fillBackupProgress),
		pgcatalog.Provide(c.Catalog, "quiver.disk_usage", c.fillDiskUsage),
	)
}

// shownQueryBytes is track_activity_query_size with its end.
const shownQueryBytes = 1024

// clipQuery cuts a text as pg_stat_activity does, between characters.
func clipQuery(text string) string {
	if len(text) < shownQueryBytes {
		return text
	}
	n := shownQueryBytes - 1
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// moment is a time of activityState as a value; null for none.
func moment(t int64) any {
	if t == 0 {
		return nil
	}
	return t
}

func (c *Config) fillActivity(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	waits := map[uint64]string{}
	for _, l := range c.Engine.Locks() {
		if !l.Granted {
			waits[l.Owner] = lockType(l)
		}
	}
	for _, s := range c.backends.all() {
		now := s.activity.read()
		var waitType, wait any
		if on := waits[uint64(now.txn)]; on != "" && now.txn != 0 {
			waitType, wait = "Lock", on
		} else if now.state != stateActive || now.reading {
			waitType, wait = "Client", "ClientRead"
		}
		host, port := s.peer()
		add(s.database.OID, s.database.Name, s.pid, nil, catalog.BootstrapRoleOID, s.user, now.application, host, nil, port,
			s.began.UnixMicro(), moment(now.blockStart), moment(now.queryStart), moment(now.stateChange), waitType, wait,
			now.state, nil, nil, nil, clipQuery(now.query), "client backend")
	}
	return nil
}

func (c *Config) fillSSL(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	for _, s := range c.backends.all() {
		add(s.pid, false, nil, nil, nil, nil, nil, nil)
	}
	return nil
}

// lockType names what a lock is on. Whoever waits for a row waits, as in
// PostgreSQL, for the transaction that changed it.
func lockType(l lock.Held) string {
	if l.Table != 0 {
		return "relation"
	}
	return "transactionid"
}

var tableLockNames = [...]string{
	lock.AccessShare: "AccessShareLock", lock.RowShare: "RowShareLock", lock.RowExclusive: "RowExclusiveLock",
	lock.ShareUpdateExclusive: "ShareUpdateExclusiveLock", lock.Share: "ShareLock",
	lock.ShareRowExclusive: "ShareRowExclusiveLock", lock.Exclusive: "ExclusiveLock", lock.AccessExclusive: "AccessExclusiveLock",
}

func (c *Config) fillLocks(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	owners := c.backends.byTxn()
	for _, l := range c.Engine.Locks() {
		var database, relation, pid, since, virtual any
		if s := owners[l.Owner]; s != nil {
			pid, database, virtual = s.pid, s.database.OID, s.virtualTransaction()
		}
		mode := "ShareLock"
		if l.Table != 0 {
			relation, mode = catalog.OID(l.Table), tableLockNames[l.Mode]
		} else {
			database = nil
		}
		if !l.Granted {
			since = l.Since.UnixMicro()
		}
		add(lockType(l), database, relation, nil, nil, nil, nil, nil, nil, nil, virtual, pid, mode, l.Granted, false, since)
	}
	for _, s := range c.backends.all() {
		if s.activity.read().blockStart != 0 {
			virtual := s.virtualTransaction()
			add("virtualxid", nil, nil, nil, nil, virtual, nil, nil, nil, nil, virtual, s.pid, "ExclusiveLock", true, true, nil)
		}
	}
	return nil
}

// virtualTransaction names the session's transaction: the backend and a number
// that it counts.
func (s *Session) virtualTransaction() string {
	return fmt.Sprintf("%d/%d", s.pid, s.activity.read().txns)
}

// fillPrepared lists the prepared statements of the session that asks.
func fillPrepared(_ context.Context, _ catalog.View, asking types.Session, add func(values ...any)) error {
	s, ok := asking.(*Session)
	if !ok {
		return nil
	}
	var list []*prepared
	for name, p := range s.statements {
		if name != "" {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *prepared) int { return cmp.Or(a.made.Compare(b.made), cmp.Compare(a.name, b.name)) })
	for _, p := range list {
		params := make([]types.OID, len(p.params))
		for i, t := range p.params {
			params[i] = t.OID
		}
		add(p.name, p.text, p.made.UnixMicro(), params, p.fromSQL, p.executions, 0)
	}
	return nil
}

// fillCursors lists the portals of the session that asks.
func fillCursors(_ context.Context, _ catalog.View, asking types.Session, add func(values ...any)) error {
	s, ok := asking.(*Session)
	if !ok {
		return nil
	}
	list := make([]*portal, 0, len(s.portals))
	for _, p := range s.portals {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *portal) int { return cmp.Or(a.made.Compare(b.made), cmp.Compare(a.name, b.name)) })
	for _, p := range list {
		var c cursor
		if p.cursor != nil {
			c = *p.cursor
		}
		add(p.name, p.text, c.hold, c.binary, c.scroll, p.made.UnixMicro())
	}
	return nil
}
