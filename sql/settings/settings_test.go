package settings

import (
	"testing"

	"quiver/sql/sqlerr"
)

// TestSet: values as SHOW prints them, errors as PostgreSQL 15 words them.
func TestSet(t *testing.T) {
	for _, c := range []struct{ name, value, want, message string }{
		{"work_mem", "1.5GB", "1536MB", ""},
		{"work_mem", "1", "", `1 kB is outside the valid range for parameter "work_mem" (64 .. 2147483647)`},
		{"work_mem", "5TB", "", `invalid value for parameter "work_mem": "5TB"`},
		{"hnsw.ef_search", "-99999999999", "", `invalid value for parameter "hnsw.ef_search": "-99999999999"`},
		{"work_mem", "4 xB", "", `invalid value for parameter "work_mem": "4 xB"`},
		{"work_mem", "0x100", "256kB", ""},
		{"work_mem", "1e3", "1000kB", ""},
		{"statement_timeout", "5 s", "5s", ""},
		{"statement_timeout", "1.7", "2ms", ""},
		{"statement_timeout", "0", "0", ""},
		{"statement_timeout", "abc", "", `invalid value for parameter "statement_timeout": "abc"`},
		{"statement_timeout", "-5", "", `-5 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)`},
		{"extra_float_digits", "4", "", `4 is outside the valid range for parameter "extra_float_digits" (-15 .. 3)`},
		{"bytea_output", "Escape", "escape", ""},
		{"bytea_output", "foo", "", `invalid value for parameter "bytea_output": "foo"`},
		{"synchronous_commit", "false", "off", ""},
		{"jit", "TRU", "on", ""},
		{"jit", "maybe", "", `parameter "jit" requires a Boolean value`},
		{"foo", "1", "", `unrecognized configuration parameter "foo"`},
		{"foo.b-r", "1", "", `invalid configuration parameter name "foo.b-r"`},
		{"Foo.bar", "1", "1", ""},
		{"server_version", "1", "", `parameter "server_version" cannot be changed`},
		{"port", "1", "", `parameter "port" cannot be changed without restarting the server`},
		{"ssl", "on", "", `parameter "ssl" cannot be changed now`},
		{"datestyle", "german,dmy", "German, DMY", ""},
		{"datestyle", "german", "German, DMY", ""},
		{"datestyle", "x", "", `invalid value for parameter "DateStyle": "x"`},
		{"timezone", "europe/berlin", "Europe/Berlin", ""},
		{"timezone", "-7", "<-07>+07", ""},
		{"timezone", "UTC+3", "UTC+3", ""},
		{"timezone", "+05:30", "+05:30", ""},
		{"timezone", "foo", "", `invalid value for parameter "TimeZone": "foo"`},
		{"client_encoding", "utf-8", "UTF8", ""},
		{"client_encoding", "'utf-8'", "UTF8", ""},
		{"client_encoding", "foo", "", `invalid value for parameter "client_encoding": "foo"`},
		{"random_page_cost", "1.25", "1.25", ""},
		{"random_page_cost", "-1", "", `-1 is outside the valid range for parameter "random_page_cost" (0 .. 1.79769e+308)`},
		{"application_name", "é", "?", ""},
		{"role", "nobody", "", `role "nobody" does not exist`},
	} {
		v := NewValues()
		err := v.Set(c.name, c.value, false)
		if c.message != "" {
			if e, ok := err.(*sqlerr.Error); !ok || e.Message != c.message {
				t.Errorf("%s = %s: got %v", c.name, c.value, err)
			}
			continue
		}
		if got, _ := v.Get(c.name); err != nil || got != c.want {
			t.Errorf("%s = %s: got %q, %v", c.name, c.value, got, err)
		}
	}
}

// TestDefaults: every default is what its own check would store.
func TestDefaults(t *testing.T) {
	for _, s := range All() {
		if s.Default == "" && s.Kind == String {
			continue
		}
		got, err := s.Normalise(s.Default)
		if err != nil || got != s.Default {
			t.Errorf("%s: default %q becomes %q, %v", s.Name, s.Default, got, err)
		}
		if s.Help == "" || s.Category == "" {
			t.Errorf("%s: no help or category", s.Name)
		}
	}
}

func TestTransactions(t *testing.T) {
	v := NewValues()
	get := func() string { s, _ := v.Get("a.b"); return s }
	set := func(value string, local bool) {
		if err := v.Set("a.b", value, local); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := get(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	set("1", false)
	v.Commit()
	expect("1")
	set("2", false)
	v.Rollback()
	expect("1")
	set("3", true)
	expect("3")
	v.Commit()
	expect("1")
	set("4", false)
	set("5", true)
	v.Commit()
	expect("4")
	set("5", false)
	mark := v.Mark()
	set("6", true)
	v.RollbackTo(mark)
	expect("5")
	v.Commit()
	expect("5")
	set("7", true)
	v.Rollback()
	expect("5")
	if err := v.Reset("a.b", false); err != nil {
		t.Fatal(err)
	}
	expect("")
	before := v.Generation()
	v.ResetAll()
	v.Commit()
	if v.Generation() == before {
		t.Error("the generation did not move")
	}
}

// TestGiven: a setting counts as given from SET to RESET, or to the end of the
// transaction.
func TestGiven(t *testing.T) {
	v := NewValues()
	const name = "hnsw.ef_search"
	expect := func(what string, want bool) {
		t.Helper()
		if got := v.Given(name); got != want {
			t.Errorf("%s: given is %t", what, got)
		}
	}
	set := func(local bool) {
		if err := v.Set(name, "40", local); err != nil { // the default
			t.Fatal(err)
		}
	}
	expect("at first", false)
	set(true)
	expect("SET LOCAL", true)
	v.Commit()
	expect("after its transaction", false)
	set(false)
	v.Rollback()
	expect("rolled back", false)
	set(false)
	v.Commit()
	expect("SET", true)
	if err := v.Reset(name, false); err != nil {
		t.Fatal(err)
	}
	v.Commit()
	expect("RESET", false)
	v = NewValues()
	if err := v.Startup(name, "80"); err != nil {
		t.Fatal(err)
	}
	expect("at startup", true)
	if err := v.Reset(name, false); err != nil {
		t.Fatal(err)
	}
	expect("RESET to what it was at startup", true)
}

func TestStartup(t *testing.T) {
	v := NewValues()
	if err := v.Startup("datestyle", "sql"); err != nil {
		t.Fatal(err)
	}
	if err := v.Set("DateStyle", "iso", false); err != nil {
		t.Fatal(err)
	}
	if err := v.Reset("datestyle", false); err != nil {
		t.Fatal(err)
	}
	if got, _ := v.Get("DATESTYLE"); got != "SQL, MDY" {
		t.Errorf("got %q", got)
	}
	if err := v.Startup("server_version", "1"); sqlerr.CodeOf(err) != sqlerr.CantChangeRuntimeParam {
		t.Errorf("got %v", err)
	}
	if _, err := v.Show("no.such"); sqlerr.CodeOf(err) != sqlerr.UndefinedObject {
		t.Errorf("got %v", err)
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("work_mem", "4MB")
	f.Add("timezone", "<+02>-02:30")
	f.Add("datestyle", "iso, ymd")
	f.Fuzz(func(t *testing.T, name, value string) {
		s := Lookup(name)
		if s == nil {
			return
		}
		shown, err := s.Normalise(value)
		if err != nil {
			return
		}
		again, err := s.Normalise(shown)
		if err != nil || again != shown {
			t.Fatalf("%s: %q is shown as %q, which is read as %q, %v", name, value, shown, again, err)
		}
	})
}
