package settings

import (
	"errors"
	"strings"

	"quiver/sql/sqlerr"
)

// The version that clients see. Drivers parse its beginning.
const (
	ServerVersion    = "15.18"
	ServerVersionNum = "150018"
)

const (
	preset     = "Preset Options"
	connection = "Connections and Authentication / Connection Settings"
	resources  = "Resource Usage / Memory"
	compat     = "Version and Platform Compatibility / Previous PostgreSQL Versions"
)

func init() {
	Register(
		&Setting{Name: "server_version", Category: preset, Help: "The PostgreSQL version this server behaves like.", Kind: String, Default: ServerVersion, Report: true},
		&Setting{Name: "server_version_num", Category: preset, Help: "server_version as a number.", Kind: Int, Default: ServerVersionNum, Min: 150018, Max: 150018},
		&Setting{Name: "server_encoding", Category: preset, Help: "The encoding of stored text.", Kind: String, Default: "UTF8", Report: true},
		&Setting{Name: "integer_datetimes", Category: preset, Help: "Dates and times are integers.", Kind: Bool, Default: "on", Report: true},
		&Setting{Name: "in_hot_standby", Category: preset, Help: "Whether this server is a standby.", Kind: Bool, Default: "off", Report: true},
		&Setting{Name: "is_superuser", Category: preset, Help: "Whether the current user is a superuser.", Kind: Bool, Default: "on", Report: true},
		&Setting{Name: "max_identifier_length", Category: preset, Help: "The longest name, in bytes.", Kind: Int, Default: "63", Min: 63, Max: 63},
		&Setting{Name: "max_function_args", Category: preset, Help: "The most arguments a function may have.", Kind: Int, Default: "100", Min: 100, Max: 100},
		&Setting{Name: "max_index_keys", Category: preset, Help: "The most columns an index may have.", Kind: Int, Default: "32", Min: 32, Max: 32},
		&Setting{Name: "block_size", Category: preset, Help: "The block size that cost settings count in.", Kind: Int, Default: "8192", Min: 8192, Max: 8192},
		&Setting{Name: "lc_collate", Category: preset, Help: "The collation order.", Kind: String, Default: "C"},
		&Setting{Name: "lc_ctype", Category: preset, Help: "The character classification.", Kind: String, Default: "C"},

		&Setting{Name: "max_connections", Category: connection, Help: "The most concurrent connections.", Kind: Int, Context: Postmaster, Default: "1000", Min: 1, Max: 262143},
		&Setting{Name: "port", Category: connection, Help: "The TCP port listened on.", Kind: Int, Context: Postmaster, Default: "5433", Min: 1, Max: 65535},
		&Setting{Name: "listen_addresses", Category: connection, Help: "The address listened on.", Kind: String, Context: Postmaster, Default: "127.0.0.1"},
		&Setting{Name: "ssl", Category: connection, Help: "Whether TLS is offered.", Kind: Bool, Context: SigHUP, Default: "off"},
		&Setting{Name: "data_directory", Category: "File Locations", Help: "Where local data lies.", Kind: String, Context: Postmaster},
		&Setting{Name: "config_file", Category: "File Locations", Help: "Kept for clients that ask: there is none, settings are flags and variables.", Kind: String, Context: Postmaster},
		&Setting{Name: "hba_file", Category: "File Locations", Help: "Kept for clients that ask: there is none.", Kind: String, Context: Postmaster},
		&Setting{Name: "ident_file", Category: "File Locations", Help: "Kept for clients that ask: there is none.", Kind: String, Context: Postmaster},
		&Setting{Name: "fsync", Category: "Write-Ahead Log / Settings", Help: "Commits are synced to disk.", Kind: Bool, Context: SigHUP, Default: "on"},
		&Setting{Name: "wal_level", Category: "Write-Ahead Log / Settings", Help: "What the write-ahead log holds.", Kind: Enum, Context: Postmaster, Default: "replica", Values: []string{"minimal", "replica", "logical"}},
		&Setting{Name: "max_prepared_transactions", Category: resources, Help: "The most prepared transactions.", Kind: Int, Context: Postmaster, Default: "0", Max: 262143},
		&Setting{Name: "password_encryption", Category: "Connections and Authentication / Authentication", Help: "How passwords are kept.", Kind: Enum, Context: User, Default: "scram-sha-256", Values: []string{"scram-sha-256"}},

		&Setting{Name: "work_mem", Category: resources, Help: "What a sort, join or aggregate may hold before it spills.", Kind: Int, Context: User, Default: "4MB", Unit: "kB", Min: 64, Max: 2147483647},
		&Setting{Name: "maintenance_work_mem", Category: resources, Help: "What building an index may hold.", Kind: Int, Context: User, Default: "64MB", Unit: "kB", Min: 1024, Max: 2147483647},
		&Setting{Name: "max_parallel_maintenance_workers", Category: "Resource Usage / Asynchronous Behavior", Help: "The most workers that build one index, beside the first.", Kind: Int, Context: User, Default: "2", Max: 1024},
		&Setting{Name: "shared_buffers", Category: resources, Help: "Kept for clients that ask; caches have their own settings.", Kind: Int, Context: Postmaster, Default: "128MB", Unit: "8kB", Min: 16, Max: 1073741823},
		&Setting{Name: "max_stack_depth", Category: resources, Help: "Bounds how deep expressions nest.", Kind: Int, Context: SuperUser, Default: "2MB", Unit: "kB", Min: 100, Max: 2147483647},

		&Setting{Name: "standard_conforming_strings", Category: compat, Help: "Backslashes in ordinary strings are literal; always on.", Kind: Bool, Context: User, Default: "on", Report: true, Check: alwaysOn("standard_conforming_strings")},
		&Setting{Name: "escape_string_warning", Category: compat, Help: "Warn of backslashes in ordinary strings.", Kind: Bool, Context: User, Default: "on"},
		&Setting{Name: "backslash_quote", Category: compat, Help: "Whether \\' is a quote in E-strings.", Kind: Enum, Context: User, Default: "safe_encoding", Values: []string{"safe_encoding", "on", "off"}},
		&Setting{Name: "array_nulls", Category: compat, Help: "NULL in array text is a null.", Kind: Bool, Context: User, Default: "on", Check: alwaysOn("array_nulls")},
		&Setting{Name: "quote_all_identifiers", Category: compat, Help: "Quote every name when printing SQL.", Kind: Bool, Context: User, Default: "off"},
		&Setting{Name: "synchronize_seqscans", Category: compat, Help: "Accepted from dump tools; scans read snapshots.", Kind: Bool, Context: User, Default: "on"},
		&Setting{Name: "lo_compat_privileges", Category: compat, Help: "Accepted from dump tools.", Kind: Bool, Context: SuperUser, Default: "off"},
		&Setting{Name: "transform_null_equals", Category: "Version and Platform Compatibility / Other Platforms and Clients", Help: "Read x = NULL as x IS NULL.", Kind: Bool, Context: User, Default: "off", Check: alwaysOff("transform_null_equals")},
	)
}

// alwaysOn refuses to switch off what the server cannot do without.
func alwaysOn(name string) func(string) (string, error) {
	return func(v string) (string, error) {
		if v != "on" {
			return "", sqlerr.Unsupported("%s = off", name)
		}
		return v, nil
	}
}

func alwaysOff(name string) func(string) (string, error) {
	return func(v string) (string, error) {
		if v != "off" {
			return "", sqlerr.Unsupported("%s = on", name)
		}
		return v, nil
	}
}

// checkEncoding accepts the spellings of UTF8. Other encodings that PostgreSQL
// knows are 0A000, the rest are no encodings.
func checkEncoding(v string) (string, error) {
	// Letters and digits count alone: asyncpg sends the quotes too.
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		}
		return -1
	}, v)
	switch clean {
	case "utf8", "unicode":
		return "UTF8", nil
	}
	for _, known := range []string{"latin", "win", "iso8859", "euc", "sjis", "big5", "gb", "uhc", "koi8", "sqlascii", "johab", "mule", "alt", "tcvn"} {
		if strings.HasPrefix(clean, known) {
			return "", sqlerr.Unsupported("client_encoding %s", v)
		}
	}
	return "", errors.New("")
}
