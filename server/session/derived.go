package session

import (
	"strings"
	"time"

	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/executor"
	"quiver/sql/settings"
	"quiver/sql/types"
	"quiver/storage"
)

// derived is what a session computes from its settings, anew when one changes.
type derived struct {
	generation uint64
	fresh      bool
	reportedAt uint64

	format     types.Format
	searchPath []string
	// planKey is everything planning depends on: plans made under another one
	// do not fit.
	planKey string
	workMem int64
	// parallel is how many goroutines a scan may use.
	parallel int
	// search is how far vector indexes look.
	search           executor.SearchSettings
	statementTimeout time.Duration
	// logMin is log_min_duration_statement; negative for never.
	logMin time.Duration

	// See read_time.go.
	consistency      storage.ConsistencyLevel
	consistencyGiven bool
	staleness        time.Duration
	readTimestamp    string

	lockTimeout, deadlockTimeout          time.Duration
	idleTimeout, idleInTransactionTimeout time.Duration
	deadlineSet                           bool
}

// refreshDerived brings s.derived up to date.
func (s *Session) refreshDerived() {
	d := &s.derived
	if d.fresh && d.generation == s.values.Generation() {
		return
	}
	d.generation, d.fresh = s.values.Generation(), true
	d.format = s.newFormat()
	d.searchPath = s.effectiveSearchPath()
	application, _ := s.values.Get("application_name")
	s.activity.update(func(now *activityState) { now.application = application })
	d.workMem = int64(s.values.Number("work_mem")) << 10
	d.parallel = min(1+int(s.values.Number("max_parallel_workers_per_gather")), max(s.cfg.Parallel, 1))
	d.search = s.newSearchSettings()
	d.statementTimeout = s.duration("statement_timeout")
	d.logMin = s.duration("log_min_duration_statement")
	d.lockTimeout, d.deadlockTimeout = s.duration("lock_timeout"), s.duration("deadlock_timeout")
	s.deriveReading()
	d.idleTimeout = s.duration("idle_session_timeout")
	d.idleInTransactionTimeout = s.duration("idle_in_transaction_session_timeout")
	if key := s.newPlanKey(); key != d.planKey {
		d.planKey = key
		s.plans.clear()
	}
}

// searchEfforts are the settings that say how far an access method looks.
var searchEfforts = map[string]string{"hnsw": "hnsw.ef_search", "ivfflat": "ivfflat.probes"}

func (s *Session) newSearchSettings() executor.SearchSettings {
	out := executor.SearchSettings{TargetRecall: s.values.Number("quiver.target_recall"), Effort: map[string]int{}}
	for method, name := range searchEfforts {
		if s.values.Given(name) {
			out.Effort[method] = int(s.values.Number(name))
		}
	}
	out.Bounds = map[string]executor.SearchBounds{}
	if mode, _ := s.values.Get("hnsw.iterative_scan"); mode != "off" {
		var b executor.SearchBounds
		if s.values.Given("hnsw.max_scan_tuples") {
			b.Tuples = int(s.values.Number("hnsw.max_scan_tuples"))
		}
		if s.values.Given("hnsw.scan_mem_multiplier") {
			held := int(s.values.Number("hnsw.scan_mem_multiplier")*s.values.Number("work_mem")*1024) / executor.CandidateBytes
			if b.Tuples == 0 || held < b.Tuples {
				b.Tuples = held
			}
		}
		if b.Tuples > 0 { // the first scan is not bounded
			b.Tuples = max(b.Tuples, int(s.values.Number("hnsw.ef_search")))
		}
		out.Bounds["hnsw"] = b
	}
	if mode, _ := s.values.Get("ivfflat.iterative_scan"); mode != "off" && s.values.Given("ivfflat.max_probes") {
		out.Bounds["ivfflat"] = executor.SearchBounds{Lists: int(s.values.Number("ivfflat.max_probes"))}
	}
	return out
}

func (s *Session) duration(name string) time.Duration {
	return time.Duration(s.values.Number(name)) * time.Millisecond
}

// format is how the session spells values, with the names of a catalog view.
func (s *Session) format(view catalog.View) *types.Format {
	s.refreshDerived()
	s.names = pgcatalog.Names{View: view, Session: s}
	s.derived.format.Names, s.derived.format.Now = &s.names, s.txn.time
	return &s.derived.format
}

// newFormat reads the settings that say how values are spelled.
func (s *Session) newFormat() types.Format {
	f := *types.DefaultFormat()
	get := func(name string) string { v, _ := s.values.Get(name); return v }
	if loc, name, ok := settings.LoadTimeZone(get("TimeZone")); ok {
		f.TimeZone = types.Location{Name: name, Loc: loc}
	}
	style, order, _ := strings.Cut(get("DateStyle"), ", ")
	f.DateStyle = map[string]types.DateStyle{
		"ISO": types.DateStyleISO, "SQL": types.DateStyleSQL,
		"Postgres": types.DateStylePostgres, "German": types.DateStyleGerman,
	}[style]
	f.DateOrder = map[string]types.DateOrder{
		"MDY": types.DateOrderMDY, "DMY": types.DateOrderDMY, "YMD": types.DateOrderYMD,
	}[order]
	f.IntervalStyle = map[string]types.IntervalStyle{
		"postgres": types.IntervalStylePostgres, "postgres_verbose": types.IntervalStylePostgresVerbose,
		"sql_standard": types.IntervalStyleSQLStandard, "iso_8601": types.IntervalStyleISO8601,
	}[get("IntervalStyle")]
	f.ExtraFloatDigits = int(s.values.Number("extra_float_digits"))
	f.ByteaEscape = get("bytea_output") == "escape"
	return f
}

// newPlanKey spells out the settings that plans depend on: names, constants
// that were read when planning, and the choice of operators.
func (s *Session) newPlanKey() string {
	var b strings.Builder
	for _, setting := range settings.All() {
		if !planning(setting) {
			continue
		}
		if v, _ := s.values.Get(setting.Name); v != setting.Default {
			b.WriteString(setting.Name + "=" + v + "\x00")
		}
	}
	return b.String()
}

func planning(s *settings.Setting) bool {
	if isReading(s) {
		return false
	}
	switch s.Name {
	case "search_path", "TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits", "bytea_output", "role", "session_authorization":
		return true
	}
	return strings.HasPrefix(s.Category, "Query Tuning") || strings.HasPrefix(s.Name, "quiver.")
}

// effectiveSearchPath is search_path with "$user" replaced and pg_catalog in
// front unless it is named.
func (s *Session) effectiveSearchPath() []string {
	text, _ := s.values.Get("search_path")
	var path []string
	named := false
	for _, name := range splitNames(text) {
		if name == "$user" {
			name = s.user
		}
		named = named || name == "pg_catalog"
		path = append(path, name)
	}
	if !named {
		path = append([]string{"pg_catalog"}, path...)
	}
	return path
}

// splitNames reads a list of names separated by commas, some quoted.
func splitNames(text string) []string {
	var names []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		var name string
		if text[0] == '"' {
			end := 1
			var b strings.Builder
			for end < len(text) {
				if text[end] == '"' {
					if end+1 < len(text) && text[end+1] == '"' {
						end++
					} else {
						break
					}
				}
				b.WriteByte(text[end])
				end++
			}
			name, text = b.String(), strings.TrimSpace(text[min(end+1, len(text)):])
			text = strings.TrimPrefix(text, ",")
		} else {
			name, text, _ = strings.Cut(text, ",")
			name = strings.ToLower(strings.TrimSpace(name))
		}
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
