package session

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
)

// setStmt runs SET and RESET and returns the tag.
func (s *Session) setStmt(ctx context.Context, v *ast.SetStmt) (string, error) {
	if v.Local && !s.txn.inBlock() && !s.several {
		s.warn(sqlerr.NoActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks")
	}
	switch v.Kind {
	case ast.SetMulti:
		return "SET", s.setMulti(ctx, v)
	case ast.SetReset:
		return "RESET", s.values.Reset(v.Name, false)
	case ast.SetResetAll:
		s.values.ResetAll()
		return "RESET", nil
	case ast.SetDefault:
		return "SET", s.values.Reset(v.Name, v.Local)
	case ast.SetCurrent:
		value, err := s.values.Show(v.Name)
		if err != nil {
			return "", err
		}
		return "SET", s.SetSetting(v.Name, value, v.Local)
	}
	value, err := settingValue(v)
	if err != nil {
		return "", err
	}
	return "SET", s.SetSetting(v.Name, value, v.Local)
}

// setMulti is SET TRANSACTION and SET SESSION CHARACTERISTICS.
func (s *Session) setMulti(ctx context.Context, v *ast.SetStmt) error {
	switch v.Name {
	case "TRANSACTION":
		if !s.txn.inBlock() && !s.several {
			s.warn(sqlerr.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks")
		}
		return s.transactionOptions(v.Options)
	case "TRANSACTION SNAPSHOT":
		if !s.txn.inBlock() && !s.several {
			s.warn(sqlerr.NoActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks")
		}
		return s.setSnapshot(ctx, constText(v.Args[0]))
	case "SESSION CHARACTERISTICS":
		for _, o := range v.Options {
			if err := s.values.Set("default_"+o.Name, constText(o.Value), false); err != nil {
				return err
			}
		}
		return nil
	}
	return sqlerr.Unsupported("SET %s", v.Name)
}

// settingValue joins the arguments of SET to one text: names are quoted where
// the setting is a list of names.
func settingValue(v *ast.SetStmt) (string, error) {
	setting := settings.Lookup(v.Name)
	list := setting != nil && setting.List
	if len(v.Args) != 1 && !list {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "SET %s takes only one argument", v.Name)
	}
	var parts []string
	for _, arg := range v.Args {
		text := constText(arg)
		if cast, ok := arg.(*ast.Cast); ok { // SET TIME ZONE INTERVAL '+02:00' HOUR TO MINUTE
			text = intervalZone(constText(cast.Arg))
		}
		if list && setting.Quote {
			text = quoteName(text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", "), nil
}

// intervalZone turns hours and minutes east of UTC into the POSIX form that
// PostgreSQL stores for SET TIME ZONE INTERVAL.
func intervalZone(text string) string {
	sign := 1
	digits := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = -1, digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	}
	hours, minutes, _ := strings.Cut(digits, ":")
	h, err := strconv.Atoi(hours)
	m := 0
	if err == nil && minutes != "" {
		m, err = strconv.Atoi(minutes)
	}
	if err != nil {
		return text
	}
	return strconv.FormatFloat(float64(sign)*(float64(h)+float64(m)/60), 'f', -1, 64)
}

// quoteName quotes a name unless it reads back as itself.
func quoteName(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9')
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			plain = false
		}
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// SetSetting is SET and set_config. The settings of the transaction itself act
// on it; the others are kept in values.
func (s *Session) SetSetting(name, value string, local bool) error {
	lower := strings.ToLower(name)
	switch lower {
	case "transaction_isolation", "transaction_read_only", "transaction_deferrable":
		return s.setTransactionOption(lower, value)
	case readTimestampSetting:
		if err := s.checkReadTimestamp(value); err != nil {
			return err
		}
	}
	if err := s.values.Set(name, value, local); err != nil {
		return err
	}
	if local && s.txn.state == txnIdle {
		s.values.Commit()
	}
	return nil
}

// Setting is current_setting: a setting as SHOW prints it.
func (s *Session) Setting(name string) (string, bool) {
	switch strings.ToLower(name) {
	case "transaction_isolation":
		if s.txn.state != txnIdle {
			return s.txn.isolation, true
		}
		return s.values.Get("default_transaction_isolation")
	case "transaction_read_only":
		readOnly := s.txn.readOnly
		if s.txn.state == txnIdle {
			readOnly = s.values.Bool("default_transaction_read_only")
		}
		return map[bool]string{true: "on", false: "off"}[readOnly], true
	}
	return s.values.Get(name)
}

// showColumns are the columns of SHOW.
func (s *Session) showColumns(v *ast.ShowStmt) ([]pgwire.Column, error) {
	if v.Name == "all" {
		return []pgwire.Column{textColumn("name"), textColumn("setting"), textColumn("description")}, nil
	}
	if _, ok := s.Setting(v.Name); !ok {
		_, err := s.values.Show(v.Name)
		return nil, err
	}
	name := v.Name
	if setting := settings.Lookup(name); setting != nil {
		name = setting.Name
	}
	return []pgwire.Column{textColumn(name)}, nil
}

// show is SHOW name and SHOW ALL.
func (s *Session) show(v *ast.ShowStmt) (execution, []pgwire.Column, error) {
	columns, err := s.showColumns(v)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]string
	if v.Name == "all" {
		for _, setting := range settings.All() {
			value, _ := s.Setting(setting.Name)
			rows = append(rows, []string{setting.Name, value, setting.Help})
		}
	} else {
		value, _ := s.Setting(v.Name)
		rows = [][]string{{value}}
	}
	return newTextRows("SHOW", columns, rows), columns, nil
}

// discard is DISCARD.
func (s *Session) discard(v *ast.DiscardStmt) (string, error) {
	switch v.What {
	case "plans":
		s.plans.clear()
		return "DISCARD PLANS", nil
	case "sequences":
		s.sequences = sequences{}
		return "DISCARD SEQUENCES", nil
	case "temp":
		return "DISCARD TEMP", nil
	}
	s.dropPortals(true)
	s.values.ResetAll()
	clear(s.statements)
	s.plans.clear()
	s.sequences = sequences{}
	return "DISCARD ALL", nil
}

// invalidUTF8 is PostgreSQL's error for text that is not UTF-8.
func invalidUTF8(text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	i := 0
	for i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x%02x`, text[i])
}
