package executor

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quiver/storage"
	"quiver/vector"
)

// searchRow is a row of the model of an indexed table: its place in the order of
// ties is that of its latest version.
type searchRow struct {
	id, r, cluster int
	version        int
	v              []float32 // nil for null
}

// searchModel is an indexed table and the rows that it should have, in clusters.
type searchModel struct {
	*world
	rng      *rand.Rand
	dim      int
	centres  [][]float32
	rows     map[int]*searchRow
	versions int
	distance vector.Distance
	// right of wanted neighbours were found, by all that recall asked for.
	right, wanted int
}

func newSearchModel(t *testing.T, seed uint64, dim, clusters int, d vector.Distance) *searchModel {
	m := &searchModel{world: newWorld(t), rng: rand.New(rand.NewPCG(seed, 1)), dim: dim, rows: map[int]*searchRow{}, distance: d}
	m.workMem = 64 << 20
	for range clusters {
		m.centres = append(m.centres, m.around(nil, 4))
	}
	m.ok(m.sql(fmt.Sprintf("CREATE TABLE t (id int PRIMARY KEY, r int, cluster int, v vector(%d))", dim)))
	t.Cleanup(func() {
		if float64(m.right) < 0.95*float64(m.wanted) {
			t.Errorf("%d of %d neighbours were found", m.right, m.wanted)
		}
	})
	return m
}

func (m *searchModel) ok(out string) {
	m.t.Helper()
	if out != "" {
		m.t.Fatal(out)
	}
}

// around is a vector near another.
func (m *searchModel) around(v []float32, spread float64) []float32 {
	out := make([]float32, m.dim)
	for i := range out {
		out[i] = float32(m.rng.NormFloat64() * spread)
		if v != nil {
			out[i] += v[i]
		}
	}
	return out
}

func vectorText(v []float32) string {
	if v == nil {
		return "NULL"
	}
	words := make([]string, len(v))
	for i, x := range v {
		words[i] = strconv.FormatFloat(float64(x), 'g', -1, 32)
	}
	return "'[" + strings.Join(words, ",") + "]'"
}

// row makes a random row; in a hundred one is null, one zero, and one the twin
// of another.
func (m *searchModel) row(id int) *searchRow {
	r := &searchRow{id: id, r: m.rng.IntN(10000), cluster: m.rng.IntN(len(m.centres))}
	switch m.rng.IntN(100) {
	case 0:
	case 1:
		r.v = make([]float32, m.dim)
	case 2:
		r.v = m.centres[r.cluster]
	default:
		r.v = m.around(m.centres[r.cluster], 1)
	}
	return r
}

// insert adds n rows, in tx or a transaction of its own.
func (m *searchModel) insert(tx storage.Txn, n int) {
	m.t.Helper()
	for n > 0 {
		var text strings.Builder
		for i := range min(n, 2000) {
			r := m.row(len(m.rows) + m.versions*1000)
			for m.rows[r.id] != nil {
				r.id++
			}
			m.put(r)
			text.WriteString(map[bool]string{true: "INSERT INTO t VALUES ", false: ", "}[i == 0])
			fmt.Fprintf(&text, "(%d, %d, %d, %s)", r.id, r.r, r.cluster, vectorText(r.v))
			n--
		}
		m.change(tx, text.String())
	}
}

func (m *searchModel) change(tx storage.Txn, text string) {
	m.t.Helper()
	if tx == nil {
		m.ok(m.sql(text))
	} else if _, _, err := m.run(tx, text); err != nil {
		m.t.Fatal(err)
	}
}

func (m *searchModel) put(r *searchRow) {
	m.versions++
	r.version = m.versions
	m.rows[r.id] = r
}

// churn deletes and updates some rows.
func (m *searchModel) churn(tx storage.Txn, deletes, updates int) {
	m.t.Helper()
	ids := slices.Sorted(maps.Keys(m.rows))
	m.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	var gone []string
	for _, id := range ids[:deletes] {
		gone = append(gone, strconv.Itoa(id))
		delete(m.rows, id)
	}
	m.change(tx, "DELETE FROM t WHERE id IN ("+strings.Join(gone, ",")+")")
	for _, id := range ids[deletes : deletes+updates] {
		r := m.row(id)
		m.put(r)
		m.change(tx, fmt.Sprintf("UPDATE t SET r = %d, cluster = %d, v = %s WHERE id = %d", r.r, r.cluster, vectorText(r.v), id))
	}
}

func (m *searchModel) operator() string {
	for name, d := range distances {
		if d == m.distance {
			return name
		}
	}
	panic("no operator")
}

// modelHit is a row found: without a distance, or an undefined one, NaN.
type modelHit struct {
	id       int
	distance float64
	null     bool
	version  int
}

// exact is the answer: the k rows after offset.
func (m *searchModel) exact(q []float32, k, offset int, keep func(*searchRow) bool) (hits []modelHit) {
	near, nulls := vector.NewTopK(k+offset), vector.NewTopK(k+offset)
	byVersion := map[uint64]*searchRow{}
	for _, r := range m.rows {
		if !keep(r) {
			continue
		}
		n := vector.Neighbor{Row: uint64(r.version)}
		top := nulls
		if r.v != nil {
			top, n.Distance = near, vector.Exact(m.distance, q, r.v)
		}
		if top.Push(n) {
			byVersion[n.Row] = r
		}
	}
	for _, n := range near.Sorted() {
		hits = append(hits, modelHit{id: byVersion[n.Row].id, distance: n.Distance})
	}
	for _, n := range nulls.Sorted() {
		hits = append(hits, modelHit{id: byVersion[n.Row].id, null: true})
	}
	hits = hits[min(offset, len(hits)):]
	return hits[:min(k, len(hits))]
}

// search asks for rows from offset to offset+k, and checks all but which of the
// nearest they are: that they pass, with their true distances, in order, as many
// as there are. It returns how many of the truly nearest were found.
func (m *searchModel) search(tx storage.Txn, q []float32, k, offset int, where string, keep func(*searchRow) bool) (right, wanted int) {
	m.t.Helper()
	text := fmt.Sprintf("SELECT id, v %[1]s %[2]s FROM t WHERE %[3]s ORDER BY v %[1]s %[2]s LIMIT %[4]d OFFSET %[5]d", m.operator(), vectorText(q), where, k, offset)
	own := tx == nil
	if own {
		tx = m.begin(storage.ReadCommitted)
	}
	lines, _, err := m.run(tx, text)
	if own {
		tx.Rollback()
	}
	if err != nil {
		m.t.Fatalf("%s\n%v", text, err)
	}
	want := m.exact(q, k, offset, keep)
	if len(lines) != len(want) {
		m.t.Fatalf("%s\n%d rows, not %d", text, len(lines), len(want))
	}
	exact := map[int]bool{}
	for _, h := range want {
		exact[h.id] = true
	}
	var last *modelHit
	seen := map[int]bool{}
	for _, line := range lines {
		id, distance, _ := strings.Cut(line, "|")
		h := modelHit{null: distance == "NULL"}
		if h.id, err = strconv.Atoi(id); err != nil {
			m.t.Fatal(err)
		}
		if h.distance, err = strconv.ParseFloat(distance, 64); err != nil && !h.null {
			m.t.Fatal(err)
		}
		r := m.rows[h.id]
		switch {
		case r == nil || !keep(r) || seen[h.id]:
			m.t.Fatalf("%s\nrow %s is not to be found", text, line)
		case h.null != (r.v == nil):
			m.t.Fatalf("%s\nrow %s has the vector %v", text, line, r.v)
		case !h.null && vector.Compare(h.distance, vector.Exact(m.distance, q, r.v)) != 0:
			m.t.Fatalf("%s\nrow %s has the distance %v", text, line, vector.Exact(m.distance, q, r.v))
		}
		h.version = r.version
		if last != nil {
			order := cmp.Or(map[bool]int{true: 1}[h.null]-map[bool]int{true: 1}[last.null], vector.Compare(h.distance, last.distance), cmp.Compare(h.version, last.version))
			if order <= 0 {
				m.t.Fatalf("%s\nrow %s stands after row %d, %v", text, line, last.id, last.distance)
			}
		}
		last, seen[h.id] = &h, true
		// A row as far as the last is as right as it.
		if end := want[len(want)-1]; exact[h.id] || h.null == end.null && vector.Compare(h.distance, end.distance) <= 0 {
			right++
		}
	}
	return right, len(want)
}

// recall searches near random rows and wants a recall. A walk may miss all that one
// query asks for, which is much of a few: one query more may miss than should, but not
// in all calls together.
func (m *searchModel) recall(tx storage.Txn, name string, k, queries int, where func(near *searchRow) (string, func(*searchRow) bool)) {
	m.t.Helper()
	right, wanted := 0, 0
	ids := slices.Sorted(maps.Keys(m.rows))
	for range queries {
		near := m.rows[ids[m.rng.IntN(len(ids))]]
		text, keep := where(near)
		a, b := m.search(tx, m.around(m.centres[near.cluster], 1), k, 0, text, keep)
		right, wanted = right+a, wanted+b
	}
	m.right, m.wanted = m.right+right, m.wanted+wanted
	if got := float64(right) / float64(wanted); got < 0.95-1/float64(queries) {
		m.t.Errorf("%s: recall %.3f of the nearest %d", name, got, k)
	}
}

func all(*searchRow) (string, func(*searchRow) bool) {
	return "true", func(*searchRow) bool { return true }
}

// below keeps about limit of 10000 rows, whatever their vectors are.
func below(limit int) func(*searchRow) (string, func(*searchRow) bool) {
	return func(*searchRow) (string, func(*searchRow) bool) {
		return fmt.Sprintf("r < %d", limit), func(r *searchRow) bool { return r.r < limit }
	}
}

// sameCluster keeps the rows of the query's cluster and the n after it.
func (m *searchModel) sameCluster(n int) func(*searchRow) (string, func(*searchRow) bool) {
	return func(near *searchRow) (string, func(*searchRow) bool) {
		from, to := near.cluster, near.cluster+n
		return fmt.Sprintf("cluster BETWEEN %d AND %d", from, to), func(r *searchRow) bool { return r.cluster >= from && r.cluster <= to }
	}
}

// otherClusters keeps the rows of n clusters, the query's not among them.
func (m *searchModel) otherClusters(n int) func(*searchRow) (string, func(*searchRow) bool) {
	return func(near *searchRow) (string, func(*searchRow) bool) {
		var list []string
		kept := map[int]bool{}
		for i := range n {
			c := (near.cluster + 1 + i) % len(m.centres)
			kept[c] = c != near.cluster
			if kept[c] {
				list = append(list, strconv.Itoa(c))
			}
		}
		return "cluster IN (" + strings.Join(list, ",") + ")", func(r *searchRow) bool { return kept[r.cluster] }
	}
}

// checkAll runs the filters of every selectivity, with and against the query.
func (m *searchModel) checkAll(tx storage.Txn, queries int) {
	m.t.Helper()
	clusters := len(m.centres)
	m.recall(tx, "all rows", 10, queries, all)
	m.recall(tx, "all rows", 100, queries/4+1, all)
	for _, limit := range []int{9000, 5000, 2400, 1000, 100, 10, 1} {
		m.recall(tx, fmt.Sprintf("%d of 10000", limit), 10, queries, below(limit))
	}
	m.recall(tx, "no row", 10, 2, below(-1))
	for _, n := range []int{0, clusters / 8, clusters / 2} {
		m.recall(tx, fmt.Sprintf("clusters from the query's to %d on", n), 10, queries, m.sameCluster(n))
		m.recall(tx, fmt.Sprintf("%d other clusters", n+1), 10, queries, m.otherClusters(n+1))
	}
	m.recall(tx, "all other clusters", 10, queries, m.otherClusters(clusters-1))
	// More than match, so that nulls and undefined distances come in.
	m.recall(tx, "more than match", 500, 2, below(100))
	for _, offset := range []int{1, 7, 40} {
		text, keep := below(5000)(nil)
		m.search(tx, m.around(m.centres[0], 1), 5, offset, text, keep)
	}
	m.search(tx, make([]float32, m.dim), 10, 0, "true", func(*searchRow) bool { return true })
	m.search(tx, m.around(nil, 1), len(m.rows)+10, 0, "true", func(*searchRow) bool { return true })
}

func TestIndexSearchAgainstModel(t *testing.T) {
	classes := map[vector.Distance]string{
		vector.L2: "vector_l2_ops", vector.Cosine: "vector_cosine_ops", vector.InnerProduct: "vector_ip_ops", vector.L1: "vector_l1_ops",
	}
	for d, class := range classes {
		t.Run(class, func(t *testing.T) {
			m := newSearchModel(t, uint64(d)+7, 6, 16, d)
			m.insert(nil, 2500)
			m.checkpoint()
			m.insert(nil, 1500)
			m.checkpoint()
			m.ok(m.sql("CREATE INDEX ON t USING hnsw (v " + class + ")"))
			plan := m.sql("EXPLAIN SELECT id FROM t ORDER BY v " + m.operator() + " " + vectorText(make([]float32, m.dim)) + " LIMIT 3")
			if !strings.Contains(plan, "Index Scan using t_v_idx") {
				t.Fatal(plan)
			}
			m.checkAll(nil, 30)
			m.churn(nil, 300, 100)
			m.insert(nil, 300)
			m.checkAll(nil, 6)
			m.checkpoint() // a segment without the index
			m.insert(nil, 100)
			tx := m.begin(storage.ReadCommitted)
			m.insert(tx, 100)
			m.churn(tx, 50, 30)
			m.checkAll(tx, 6)
			if err := tx.Commit(m.ctx); err != nil {
				t.Fatal(err)
			}
			m.checkAll(nil, 4)
		})
	}
}

func (m *searchModel) checkpoint() {
	m.t.Helper()
	if err := m.engine.Checkpoint(m.ctx); err != nil {
		m.t.Fatal(err)
	}
}

// TestWantedRecallOfOne: no index is searched where no row may be missed, unless an
// effort was SET.
func TestWantedRecallOfOne(t *testing.T) {
	m := newSearchModel(t, 11, 6, 8, vector.L2)
	m.insert(nil, 800)
	m.checkpoint()
	m.ok(m.sql("CREATE INDEX ON t USING hnsw (v vector_l2_ops)"))
	for _, c := range []struct {
		settings SearchSettings
		indexed  string
	}{
		{SearchSettings{TargetRecall: 0.999}, "Segments Searched by Index: 1"},
		{SearchSettings{TargetRecall: 1}, "Segments Searched by Index: 0"},
		{SearchSettings{TargetRecall: 1, Effort: map[string]int{"hnsw": 40}}, "Segments Searched by Index: 1"},
	} {
		m.world.search = c.settings
		out := m.sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM t ORDER BY v <-> " + vectorText(m.around(nil, 1)) + " LIMIT 10")
		if !strings.Contains(out, c.indexed) {
			t.Errorf("%v: %s", c.settings, out)
		}
	}
	m.world.search = SearchSettings{TargetRecall: 1}
	m.search(nil, m.around(m.centres[0], 1), 20, 0, "true", func(*searchRow) bool { return true })
}

// Segments of more rows than are compared one by one.
func TestIndexSearchUnderBitmap(t *testing.T) {
	m := newSearchModel(t, 3, 6, 40, vector.L2)
	m.insert(nil, 44000)
	m.checkpoint()
	m.ok(m.sql("CREATE INDEX ON t USING hnsw (v vector_l2_ops)"))
	out := m.sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM t WHERE r < 2000 ORDER BY v <-> " + vectorText(m.around(nil, 1)) + " LIMIT 10")
	if !strings.Contains(out, "by Index under a Bitmap: 1") {
		t.Fatal(out)
	}
	m.recall(nil, "all", 10, 60, all)
	m.recall(nil, "20%", 10, 40, below(2000))
	m.recall(nil, "clusters from the query's on", 10, 40, m.sameCluster(9))
	m.recall(nil, "10 other clusters", 10, 40, m.otherClusters(10))
	m.recall(nil, "all other clusters", 10, 40, m.otherClusters(39))
	m.recall(nil, "half", 10, 20, below(5000))
	m.recall(nil, "half of the clusters, without the query's", 10, 20, m.otherClusters(20))
	m.recall(nil, "0.1%", 10, 10, below(10))
	m.churn(nil, 4000, 10)
	m.recall(nil, "20% after deletes", 10, 20, below(2000))
	m.recall(nil, "all after deletes", 10, 60, all)
}

// Conditions on another table: keys that become a filter, and searches that are
// widened; rows of one partition.
func TestIndexSearchOverJoins(t *testing.T) {
	const clusters = 32
	m := newSearchModel(t, 5, 6, clusters, vector.L2)
	m.ok(m.sql("CREATE TABLE u (c int, tag int, low int)"))
	for c := range clusters {
		m.ok(m.sql(fmt.Sprintf("INSERT INTO u VALUES (%d, %d, %d)", c, c%4, 300*c)))
	}
	m.insert(nil, 6000)
	m.checkpoint()
	m.ok(m.sql("CREATE INDEX ON t USING hnsw (v vector_l2_ops)"))
	m.insert(nil, 200)
	m.churn(nil, 200, 50)
	tagged := func(*searchRow) (string, func(*searchRow) bool) {
		tag := m.rng.IntN(4)
		return fmt.Sprintf("cluster IN (SELECT c FROM u WHERE tag = %d)", tag), func(r *searchRow) bool { return r.cluster%4 == tag }
	}
	own := func(near *searchRow) (string, func(*searchRow) bool) {
		return fmt.Sprintf("EXISTS (SELECT 1 FROM u WHERE c = t.cluster AND low = %d)", 300*near.cluster), func(r *searchRow) bool { return r.cluster == near.cluster }
	}
	others := func(near *searchRow) (string, func(*searchRow) bool) {
		return fmt.Sprintf("cluster NOT IN (SELECT c FROM u WHERE low = %d)", 300*near.cluster), func(r *searchRow) bool { return r.cluster != near.cluster }
	}
	above := func(*searchRow) (string, func(*searchRow) bool) {
		return "EXISTS (SELECT 1 FROM u WHERE c = t.cluster AND low > t.r)", func(r *searchRow) bool { return 300*r.cluster > r.r }
	}
	rare := func(*searchRow) (string, func(*searchRow) bool) {
		return "EXISTS (SELECT 1 FROM u WHERE c = t.cluster AND low = t.r)", func(r *searchRow) bool { return 300*r.cluster == r.r }
	}
	for name, where := range map[string]func(*searchRow) (string, func(*searchRow) bool){
		"a tag": tagged, "the query's cluster": own, "all other clusters": others, "above": above, "rare": rare,
	} {
		m.recall(nil, name, 10, 12, where)
		m.recall(nil, name, 60, 3, where)
	}
	plan := m.sql("EXPLAIN SELECT id FROM t WHERE EXISTS (SELECT 1 FROM u WHERE c = t.cluster AND low > t.r) ORDER BY v <-> " + vectorText(m.around(nil, 1)) + " LIMIT 3")
	if !strings.Contains(plan, "Iterative Search") {
		t.Error(plan)
	}
}
