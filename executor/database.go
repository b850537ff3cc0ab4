package executor

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Sessions are the server's, as statements need them that go beyond their own.
type Sessions interface {
	// LeaveDatabase waits for a while until no other session is connected to a
	// database, and has them end if terminate. It returns how many are left.
	LeaveDatabase(ctx context.Context, database catalog.OID, terminate bool) (left int, err error)
	// SettingText checks a SET and returns the setting's name and its value as
	// SHOW prints it.
	SettingText(s *ast.SetStmt) (name, value string, err error)
	// WritesRefused is the error of a command that writes, where the session may only
	// read, or reads the past.
	WritesRefused(command string) error
}

func (d *ddl) createDatabase(ctx context.Context, s *ast.CreateDatabaseStmt) error {
	db := &catalog.Database{Object: catalog.Object{Name: s.Name}}
	seen := map[string]bool{}
	for _, o := range s.Options {
		if seen[o.Name] {
			return sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(o.Position())
		}
		seen[o.Name] = true
		if err := d.databaseOption(db, o); err != nil {
			return err
		}
	}
	if err := d.lockName(ctx, 0, s.Name); err != nil {
		return err
	}
	if d.catalog().DatabaseByName(s.Name) != nil {
		return sqlerr.New(sqlerr.DuplicateDatabase, "database %s already exists", quoted(s.Name))
	}
	return d.catalog().CreateDatabase(ctx, db)
}

// What options may say: what every database is. Text has one encoding and one
// order, that of its bytes.
var (
	locales   = []string{"c", "posix", "c.utf8", "c.utf-8", "default"}
	encodings = []string{"utf8", "utf-8", "unicode", "default", "6", "-1"}
	// otherEncodings are names that PostgreSQL knows.
	otherEncodings = []string{"sql_ascii", "euc_jp", "euc_cn", "euc_kr", "euc_tw", "latin1", "latin2", "latin3", "latin4", "latin5", "latin9",
		"win1250", "win1251", "win1252", "koi8r", "iso_8859_5"}
)

// databaseOption takes an option of CREATE DATABASE.
func (d *ddl) databaseOption(db *catalog.Database, o *ast.Option) error {
	value := databaseValue(o)
	lower := strings.ToLower(value)
	switch o.Name {
	case "encoding":
		switch {
		case slices.Contains(encodings, lower):
		case slices.Contains(otherEncodings, lower):
			return sqlerr.New(sqlerr.InvalidParameterValue, "encoding %s does not match locale \"C.UTF-8\"", quoted(value)).
				WithDetail("The chosen LC_CTYPE setting requires encoding \"UTF8\".")
		default:
			return sqlerr.New(sqlerr.UndefinedObject, "%s is not a valid encoding name", value).At(o.Position())
		}
	case "lc_collate", "lc_ctype", "locale":
		if !slices.Contains(locales, lower) {
			return sqlerr.New(sqlerr.WrongObjectType, "invalid locale name: %s", quoted(value)).
				WithHint("Every database has the locale C.")
		}
	case "template":
		return d.templateDatabase(value)
	case "owner":
		return d.databaseOwner(value)
	case "tablespace":
		if lower != "pg_default" && lower != "default" {
			return sqlerr.New(sqlerr.UndefinedObject, "tablespace %s does not exist", quoted(value))
		}
	case "strategy":
		if lower != "wal_log" && lower != "file_copy" {
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid create database strategy %s", quoted(value)).
				WithHint("Valid strategies are \"wal_log\", and \"file_copy\".")
		}
	case "locale_provider":
		if lower != "libc" {
			return sqlerr.Unsupported("locale provider %s", value).At(o.Position())
		}
	case "icu_locale", "icu_rules", "collation_version", "oid":
		return sqlerr.Unsupported("option %s of CREATE DATABASE", quoted(o.Name)).At(o.Position())
	default:
		return databaseFlag(db, o)
	}
	return nil
}

// databaseValue is the text of an option; DEFAULT is written without one.
func databaseValue(o *ast.Option) string {
	if c, ok := o.Value.(*ast.Const); ok {
		return c.Text
	}
	return "default"
}

// databaseFlag takes an option that ALTER DATABASE has too.
func databaseFlag(db *catalog.Database, o *ast.Option) error {
	text := databaseValue(o)
	switch o.Name {
	case "is_template", "allow_connections":
		on, err := types.ParseBool(text)
		if err != nil && text != "default" {
			return sqlerr.New(sqlerr.SyntaxError, "%s requires a Boolean value", o.Name)
		}
		if o.Name == "is_template" {
			db.IsTemplate = on
		} else {
			db.RefuseConnections = !on && text != "default"
		}
	case "connection_limit":
		if text == "default" {
			text = "-1"
		}
		limit, err := strconv.Atoi(text)
		if err != nil || limit < -1 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid connection limit: %s", text)
		}
		db.ConnectionLimit = limit + 1
	default:
		return sqlerr.New(sqlerr.SyntaxError, "option %s not recognized", quoted(o.Name)).At(o.Position())
	}
	return nil
}

// templateDatabase checks the TEMPLATE of CREATE DATABASE: an empty one.
func (d *ddl) templateDatabase(name string) error {
	if slices.Contains([]string{"template0", "template1", "default"}, name) {
		return nil
	}
	db := d.catalog().DatabaseByName(name)
	if db == nil {
		return sqlerr.New(sqlerr.InvalidCatalogName, "template database %s does not exist", quoted(name))
	}
	for _, desc := range d.x.env.Catalog.Current().Descriptors() {
		s, isSchema := desc.(*catalog.Schema)
		_, itself := desc.(*catalog.Database)
		if catalog.DatabaseOf(desc) == db.OID && !itself && !(isSchema && s.Name == "public") {
			return sqlerr.Unsupported("copying database %s", quoted(name))
		}
	}
	return nil
}

// databaseOwner checks an OWNER: there is but one role.
func (d *ddl) databaseOwner(name string) error {
	if name == "" || name == "default" || name == "postgres" || d.x.c.Session != nil && name == d.x.c.Session.SessionUser() {
		return nil
	}
	return sqlerr.New(sqlerr.UndefinedObject, "role %s does not exist", quoted(name))
}

// alterDatabase is ALTER DATABASE … option, SET, RESET and OWNER TO.
func (d *ddl) alterDatabase(s *ast.AlterDatabaseStmt) error {
	db := d.catalog().DatabaseByName(s.Name)
	if db == nil {
		return noDatabase(s.Name)
	}
	fresh := *db
	seen := map[string]bool{}
	for _, o := range s.Options {
		if seen[o.Name] {
			return sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(o.Position())
		}
		seen[o.Name] = true
		if o.Name == "tablespace" {
			if err := d.databaseOption(&fresh, o); err != nil {
				return err
			}
			continue
		}
		if err := databaseFlag(&fresh, o); err != nil {
			return err
		}
	}
	if s.Owner != "" {
		return d.databaseOwner(s.Owner)
	}
	if s.Set != nil {
		if err := d.setOfDatabase(&fresh, s.Set); err != nil {
			return err
		}
	}
	return d.catalog().Put(&fresh)
}

// setOfDatabase changes what sessions of a database begin with.
func (d *ddl) setOfDatabase(db *catalog.Database, s *ast.SetStmt) error {
	if s.Kind == ast.SetResetAll {
		db.Settings = nil
		return nil
	}
	name, value, err := d.x.env.Sessions.SettingText(s)
	if err != nil {
		return err
	}
	is := func(setting string) bool {
		n, _, _ := strings.Cut(setting, "=")
		return strings.EqualFold(n, name)
	}
	at := slices.IndexFunc(db.Settings, is)
	db.Settings = slices.Clone(db.Settings)
	switch {
	case s.Kind == ast.SetReset || s.Kind == ast.SetDefault:
		if db.Settings = slices.DeleteFunc(db.Settings, is); len(db.Settings) == 0 {
			db.Settings = nil
		}
	case at >= 0:
		db.Settings[at] = name + "=" + value
	default:
		db.Settings = append(db.Settings, name+"="+value)
	}
	return nil
}

// dropDatabase is DROP DATABASE: with what lies in it.
func (d *ddl) dropDatabase(ctx context.Context, s *ast.DropDatabaseStmt) error {
	db := d.catalog().DatabaseByName(s.Name)
	switch {
	case db == nil && s.IfExists:
		d.notice(sqlerr.SuccessfulCompletion, "database %s does not exist, skipping", quoted(s.Name))
		return nil
	case db == nil:
		return noDatabase(s.Name)
	case db.IsTemplate:
		return sqlerr.New(sqlerr.WrongObjectType, "cannot drop a template database")
	case db.OID == d.catalog().Database().OID:
		return sqlerr.New(sqlerr.ObjectInUse, "cannot drop the currently open database")
	}
	if err := d.leave(ctx, db, s.Force); err != nil {
		return err
	}
	for _, desc := range d.x.env.Catalog.Current().Descriptors() {
		if catalog.DatabaseOf(desc) == db.OID { // itself among them
			d.catalog().Drop(desc.Head().OID)
		}
	}
	return nil
}

// leave answers 55006 while other sessions are connected to a database.
func (d *ddl) leave(ctx context.Context, db *catalog.Database, terminate bool) error {
	if d.x.env.Sessions == nil {
		return nil // nobody is connected
	}
	left, err := d.x.env.Sessions.LeaveDatabase(ctx, db.OID, terminate)
	if err != nil || left == 0 {
		return err
	}
	detail := "There is 1 other session using the database."
	if left > 1 {
		detail = "There are " + strconv.Itoa(left) + " other sessions using the database."
	}
	return sqlerr.New(sqlerr.ObjectInUse, "database %s is being accessed by other users", quoted(db.Name)).WithDetail("%s", detail)
}
