package session

import (
	"context"
	"strings"
	"time"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
)

const (
	// leaveMax is how long a statement waits for others to leave a database, as in
	// PostgreSQL; leaveTick is how often it looks.
	leaveMax  = 5 * time.Second
	leaveTick = 5 * time.Millisecond
)

// LeaveDatabase waits until no other session is connected to a database, and has
// them end if terminate. It returns how many are left. Those that come before the
// statement has committed are ended then.
func (s *Session) LeaveDatabase(ctx context.Context, database catalog.OID, terminate bool) (left int, err error) {
	s.txn.leaving = true
	tick := time.NewTicker(leaveTick)
	defer tick.Stop()
	for end := time.Now().Add(leaveMax); ; {
		left = 0
		for _, other := range s.cfg.backends.all() {
			if other == s || other.database.OID != database {
				continue
			}
			left++
			if terminate {
				other.Terminate()
			}
		}
		if left == 0 || time.Now().After(end) {
			return left, nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// left ends the sessions whose database is gone: after a commit.
func (s *Session) left() {
	if !s.txn.leaving {
		return
	}
	s.txn.leaving = false
	version := s.cfg.Catalog.Current()
	for _, other := range s.cfg.backends.all() {
		if version.Descriptor(other.database.OID) == nil {
			other.Terminate()
		}
	}
}

// SettingText checks a SET and returns the setting's name, as it is written, and
// its value as SHOW prints it.
func (s *Session) SettingText(v *ast.SetStmt) (name, value string, err error) {
	name = v.Name
	if known := settings.Lookup(v.Name); known != nil {
		name = known.Name
	}
	switch v.Kind {
	case ast.SetReset, ast.SetDefault:
		_, err = s.values.Show(v.Name)
		if strings.Contains(v.Name, ".") {
			err = nil // custom ones are as they are used
		}
		return name, "", err
	case ast.SetCurrent:
		value, err = s.values.Show(v.Name)
	case ast.SetMulti:
		return "", "", sqlerr.Unsupported("SET %s of a database", v.Name)
	default:
		value, err = settingValue(v)
	}
	if err != nil {
		return "", "", err
	}
	value, err = settings.Normal(v.Name, value)
	return name, value, err
}

// openDatabase finds the database that a client asks for.
func openDatabase(c *catalog.Catalog, name string) (*catalog.Database, error) {
	db := c.Current().DatabaseByName(name)
	switch {
	case db == nil:
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, `database "%s" does not exist`, name)
	case db.RefuseConnections:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, `database "%s" is not currently accepting connections`, name)
	}
	return db, nil
}

// databaseSettings are what sessions of a database begin with. Those that are no
// longer right are passed over, with a warning.
func (s *Session) databaseSettings() {
	for _, setting := range s.database.Settings {
		name, value, _ := strings.Cut(setting, "=")
		if err := s.values.Startup(name, value); err != nil {
			s.cfg.Logger.Warn("a setting of the database is passed over", "database", s.database.Name, "setting", name, "err", err)
		}
	}
}
