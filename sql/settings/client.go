package settings

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"quiver/sql/sqlerr"
)

const (
	statement = "Client Connection Defaults / Statement Behavior"
	locale    = "Client Connection Defaults / Locale and Formatting"
	logging   = "Reporting and Logging / What to Log"
	milli     = 2147483647
)

var isolationLevels = []string{"serializable", "repeatable read", "read committed", "read uncommitted"}

func init() {
	Register(
		&Setting{Name: "application_name", Category: logging, Help: "The name the client gives itself.", Kind: String, Context: User, Report: true, Check: cleanName},
		&Setting{Name: "client_min_messages", Category: statement, Help: "The least severity of notices that are sent.", Kind: Enum, Context: User, Default: "notice", Values: []string{"debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"}},
		&Setting{Name: "search_path", Category: statement, Help: "Where names without a schema are looked up.", Kind: String, Context: User, Default: `"$user", public`, List: true, Quote: true},
		&Setting{Name: "statement_timeout", Category: statement, Help: "The longest a statement may run; 0 for no limit.", Kind: Int, Context: User, Default: "0", Unit: "ms", Max: milli},
		&Setting{Name: "lock_timeout", Category: statement, Help: "The longest to wait for a lock; 0 for no limit.", Kind: Int, Context: User, Default: "0", Unit: "ms", Max: milli},
		&Setting{Name: "idle_in_transaction_session_timeout", Category: statement, Help: "The longest a session may be idle in a transaction; 0 for no limit.", Kind: Int, Context: User, Default: "0", Unit: "ms", Max: milli},
		&Setting{Name: "idle_session_timeout", Category: statement, Help: "The longest a session may be idle; 0 for no limit.", Kind: Int, Context: User, Default: "0", Unit: "ms", Max: milli},
		&Setting{Name: "default_transaction_isolation", Category: statement, Help: "The isolation of new transactions.", Kind: Enum, Context: User, Default: "read committed", Values: isolationLevels},
		&Setting{Name: "default_transaction_read_only", Category: statement, Help: "Whether new transactions are read-only.", Kind: Bool, Context: User, Default: "off", Report: true},
		&Setting{Name: "default_transaction_deferrable", Category: statement, Help: "Whether new transactions are deferrable.", Kind: Bool, Context: User, Default: "off"},
		&Setting{Name: "transaction_isolation", Category: statement, Help: "The isolation of this transaction.", Kind: Enum, Context: User, Default: "read committed", Values: isolationLevels},
		&Setting{Name: "transaction_read_only", Category: statement, Help: "Whether this transaction is read-only.", Kind: Bool, Context: User, Default: "off"},
		&Setting{Name: "transaction_deferrable", Category: statement, Help: "Whether this transaction is deferrable.", Kind: Bool, Context: User, Default: "off"},
		&Setting{Name: "bytea_output", Category: statement, Help: "How bytea is printed.", Kind: Enum, Context: User, Default: "hex", Values: []string{"escape", "hex"}},
		&Setting{Name: "check_function_bodies", Category: statement, Help: "Accepted from dump tools.", Kind: Bool, Context: User, Default: "on"},
		&Setting{Name: "default_table_access_method", Category: statement, Help: "Accepted from dump tools.", Kind: String, Context: User, Default: "heap"},
		&Setting{Name: "default_tablespace", Category: statement, Help: "Accepted from dump tools when empty.", Kind: String, Context: User, Check: onlyEmpty("default_tablespace")},
		&Setting{Name: "temp_tablespaces", Category: statement, Help: "Accepted from dump tools when empty.", Kind: String, Context: User, Check: onlyEmpty("temp_tablespaces")},
		&Setting{Name: "row_security", Category: statement, Help: "Accepted from dump tools.", Kind: Bool, Context: User, Default: "on"},
		&Setting{Name: "session_replication_role", Category: statement, Help: "Accepted from dump tools.", Kind: Enum, Context: SuperUser, Default: "origin", Values: []string{"origin", "replica", "local"}},
		&Setting{Name: "xmlbinary", Category: statement, Help: "Kept for clients that ask.", Kind: Enum, Context: User, Default: "base64", Values: []string{"base64", "hex"}},
		&Setting{Name: "xmloption", Category: statement, Help: "Kept for clients that ask.", Kind: Enum, Context: User, Default: "content", Values: []string{"content", "document"}},
		&Setting{Name: "session_authorization", Category: "Ungrouped", Help: "The session's user.", Kind: String, Context: User, Default: "postgres", Report: true, Check: onlyUser},
		&Setting{Name: "role", Category: "Ungrouped", Help: "The current role.", Kind: String, Context: User, Default: "none", Check: onlyUser},
		&Setting{Name: "synchronous_commit", Category: "Write-Ahead Log / Settings", Help: "Kept for clients that set it; a commit is always synced.", Kind: Enum, Context: User, Default: "on", Values: []string{"local", "remote_write", "remote_apply", "on", "off"}},

		&Setting{Name: "client_encoding", Category: locale, Help: "The client's encoding.", Kind: String, Context: User, Default: "UTF8", Report: true, Check: checkEncoding},
		&Setting{Name: "DateStyle", Category: locale, Help: "How dates are printed and ambiguous ones are read.", Kind: String, Context: User, Default: "ISO, MDY", Report: true, List: true, Check: checkDateStyle},
		&Setting{Name: "IntervalStyle", Category: locale, Help: "How intervals are printed.", Kind: Enum, Context: User, Default: "postgres", Report: true, Values: []string{"postgres", "postgres_verbose", "sql_standard", "iso_8601"}},
		&Setting{Name: "TimeZone", Category: locale, Help: "The time zone that timestamptz is shown in.", Kind: String, Context: User, Default: "UTC", Report: true, Check: checkTimeZone},
		&Setting{Name: "timezone_abbreviations", Category: locale, Help: "Kept for clients that ask.", Kind: String, Context: User, Default: "Default"},
		&Setting{Name: "extra_float_digits", Category: locale, Help: "Digits more or fewer of printed floats.", Kind: Int, Context: User, Default: "1", Min: -15, Max: 3},
		&Setting{Name: "default_text_search_config", Category: locale, Help: "Kept for clients that ask.", Kind: String, Context: User, Default: "pg_catalog.simple"},
		&Setting{Name: "lc_messages", Category: locale, Help: "The language of messages.", Kind: String, Context: SuperUser, Default: "C"},
		&Setting{Name: "lc_monetary", Category: locale, Help: "Kept for clients that ask.", Kind: String, Context: User, Default: "C"},
		&Setting{Name: "lc_numeric", Category: locale, Help: "Kept for clients that ask.", Kind: String, Context: User, Default: "C"},
		&Setting{Name: "lc_time", Category: locale, Help: "Kept for clients that ask.", Kind: String, Context: User, Default: "C"},

		&Setting{Name: "log_statement", Category: logging, Help: "Which statements are logged.", Kind: Enum, Context: SuperUser, Default: "none", Values: []string{"none", "ddl", "mod", "all"}},
		&Setting{Name: "log_min_duration_statement", Category: "Reporting and Logging / When to Log", Help: "Log statements that take as long; -1 for none.", Kind: Int, Context: SuperUser, Default: "-1", Unit: "ms", Min: -1, Max: milli},
		&Setting{Name: "deadlock_timeout", Category: "Lock Management", Help: "How long a lock is waited for before a deadlock is looked for.", Kind: Int, Context: SuperUser, Default: "1s", Unit: "ms", Min: 1, Max: milli},
		&Setting{Name: "track_activities", Category: "Statistics / Cumulative Query and Index Statistics", Help: "Kept for clients that ask.", Kind: Bool, Context: SuperUser, Default: "on"},
	)
}

// cleanName replaces what is not printable ASCII by ?, as PostgreSQL does.
func cleanName(v string) (string, error) {
	if len(v) > 63 {
		v = v[:63]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, v), nil
}

func onlyEmpty(name string) func(string) (string, error) {
	return func(v string) (string, error) {
		if strings.Trim(v, `"`) != "" {
			return "", sqlerr.Unsupported("%s", name)
		}
		return "", nil
	}
}

// onlyUser accepts the one user there is until roles come.
func onlyUser(v string) (string, error) {
	switch v {
	case "none", "postgres", "default":
		return v, nil
	}
	return "", sqlerr.New(sqlerr.InvalidParameterValue, `role "%s" does not exist`, v)
}

// checkDateStyle reads words like ISO, DMY in any order and prints them in
// PostgreSQL's. What is not said stays as by default.
func checkDateStyle(v string) (string, error) {
	style, order := "ISO", "MDY"
	for _, word := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		switch w := strings.ToLower(strings.Trim(word, `"`)); {
		case w == "iso":
			style = "ISO"
		case w == "sql":
			style = "SQL"
		case strings.HasPrefix(w, "postgres"):
			style = "Postgres"
		case w == "german":
			style = "German"
			if !strings.Contains(strings.ToLower(v), "mdy") && !strings.Contains(strings.ToLower(v), "ymd") {
				order = "DMY"
			}
		case w == "ymd":
			order = "YMD"
		case w == "dmy", strings.HasPrefix(w, "euro"):
			order = "DMY"
		case w == "mdy", w == "us", strings.HasPrefix(w, "noneuro"):
			order = "MDY"
		case w == "default":
			style, order = "ISO", "MDY"
		default:
			return "", fmt.Errorf("Unrecognized key word: %q.", w) //nolint:staticcheck // the detail line of a client's error
		}
	}
	return style + ", " + order, nil
}

func checkTimeZone(v string) (string, error) {
	_, name, ok := LoadTimeZone(v)
	if !ok {
		return "", errors.New("")
	}
	return name, nil
}
