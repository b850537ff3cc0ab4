package physical

import (
	"fmt"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// Statistics tells row counts.
type Statistics interface {
	Rows(table *catalog.Table) int64
}

// builder builds one statement.
type builder struct {
	meta  *logical.Metadata
	stats Statistics
	// frame maps the outer columns that the plan being built may read to their
	// place in the frame.
	frame map[logical.ColID]int
	// widening: within the input of a WidenSearch.
	widening bool
	// hash allows hash joins.
	hash bool
	// scans are those built of partitioned tables, subqueries those that stand for
	// one value each, wherever they are used.
	scans      map[*logical.Scan]*plan.Scan
	subqueries map[*logical.Subquery]*plan.Subquery
}

func newBuilder(meta *logical.Metadata) *builder {
	return &builder{meta: meta, scans: map[*logical.Scan]*plan.Scan{}, subqueries: map[*logical.Subquery]*plan.Subquery{}}
}

// Build returns the plan of a tree whose output is exactly the columns listed,
// under the names given.
func Build(n logical.Node, output []logical.ColID, names []string, meta *logical.Metadata, stats Statistics, hashJoin bool) plan.Node {
	b := newBuilder(meta)
	b.stats, b.hash = stats, hashJoin
	built := b.exactly(b.build(n), output)
	renamed(built, names)
	return built.node
}

// renamed sets the output names: a top node's columns are the statement's.
func renamed(b *built, names []string) {
	cols := b.node.Output()
	for i := range cols {
		if i < len(names) {
			cols[i].Name = names[i]
		}
	}
}

// built is a node with the ids of its columns.
type built struct {
	node plan.Node
	cols []logical.ColID
}

func (b *built) positions() map[logical.ColID]int {
	m := make(map[logical.ColID]int, len(b.cols))
	for i, id := range b.cols {
		m[id] = i
	}
	return m
}

func (b *builder) output(ids []logical.ColID) []plan.OutputColumn {
	out := make([]plan.OutputColumn, len(ids))
	for i, id := range ids {
		c := b.meta.Column(id)
		out[i] = plan.OutputColumn{Name: c.Name, Type: c.Type, Table: c.Table, Attribute: c.Attribute}
	}
	return out
}

// exactly makes a node yield just these columns in this order.
func (b *builder) exactly(in *built, want []logical.ColID) *built {
	same := len(want) == len(in.cols)
	for i := 0; same && i < len(want); i++ {
		same = want[i] == in.cols[i]
	}
	if same {
		return in
	}
	items := make([]logical.Item, len(want))
	for i, id := range want {
		items[i] = logical.Item{ID: id, Expr: b.meta.Ref(id)}
	}
	return b.project(&logical.Project{Items: items}, in)
}

func (b *builder) build(n logical.Node) *built {
	switch n := n.(type) {
	case *logical.Scan:
		return b.scan(n)
	case *logical.VectorSearch:
		return b.vectorSearch(n)
	case *logical.WidenSearch:
		return b.widenSearch(n)
	case *logical.VectorFusion:
		return b.vectorFusion(n)
	case *logical.FunctionScan:
		return b.functionScan(n)
	case *logical.Values:
		return b.values(n)
	case *logical.Empty:
		return b.done(&plan.Empty{}, n.Cols, plan.Cost{})
	case *logical.CTERead:
		node := &plan.CTERead{Name: n.CTE.Name, Alias: n.Alias, ID: n.CTE.ID, Working: n.Working}
		return b.done(node, n.Cols, plan.Cost{Rows: 100, Total: 2})
	case *logical.With:
		return b.with(n)
	case *logical.Filter:
		return b.filter(n)
	case *logical.Project:
		return b.project(n, b.build(n.Input))
	case *logical.Join:
		return b.join(n)
	case *logical.Aggregate:
		return b.aggregate(n)
	case *logical.Window:
		return b.window(n)
	case *logical.Sort:
		return b.sort(n)
	case *logical.Limit:
		return b.limit(n)
	case *logical.Distinct:
		return b.distinct(n)
	case *logical.Append:
		return b.append(n)
	case *logical.SetOp:
		return b.setOp(n)
	case *logical.LockRows:
		return b.lockRows(n)
	case *logical.Modify:
		return b.modify(n)
	}
	panic(fmt.Sprintf("physical: unknown node %T", n))
}

// base is what every node embeds, reached through an interface.
type based interface {
	plan.Node
	SetBase(columns []plan.OutputColumn, cost plan.Cost)
}

// done finishes a node: columns and estimate.
func (b *builder) done(n based, ids []logical.ColID, c plan.Cost) *built {
	out := b.output(ids)
	c.Width = width(out)
	n.SetBase(out, c)
	return &built{node: n, cols: ids}
}

// scanColumns are the columns that a scan reads: its output, then those that
// only the expressions given use.
func scanColumns(s *logical.Scan, exprs []*plan.Expr) []logical.ColID {
	all := append([]logical.ColID{}, s.Out...)
	have := logical.NewColSet(all...)
	for _, e := range exprs {
		for _, id := range logical.Columns(*e).IDs() {
			if !have.Has(id) && s.FieldOf(id) != nil {
				have.Add(id)
				all = append(all, id)
			}
		}
	}
	return all
}

func (b *builder) scan(s *logical.Scan) *built {
	ids := s.Columns()
	all := scanColumns(s, s.Exprs())
	l := b.layout(&built{cols: all})
	if s.Virtual != nil {
		node := &plan.VirtualScan{Relation: s.Virtual, Alias: s.Alias, Filter: l.expr(s.Filter)}
		for _, id := range all {
			node.Read = append(node.Read, s.FieldOf(id).Index)
		}
		return b.done(node, ids, scanCost(100, s.Filter, b.meta))
	}
	node := &plan.Scan{Table: s.Table, Alias: s.Alias, Partitions: s.Partitions, RowID: s.RowID != 0, Filter: l.expr(s.Filter), Pruning: l.pruning(s.Pruning)}
	for _, id := range all {
		node.Fields = append(node.Fields, s.FieldOf(id).Field)
	}
	for _, k := range s.Key {
		node.Key = append(node.Key, l.expr(k))
	}
	if s.Table.PartitionKey != nil {
		b.scans[s] = node
	}
	cost := scanCost(b.rows(s.Table), s.Filter, b.meta)
	if s.Key != nil {
		cost = plan.Cost{Rows: 1, Startup: 0.15, Total: 8.17}
	}
	return b.done(node, ids, cost)
}

// pruning compiles the values of a pruning, which have no columns of the scan.
func (l *layout) pruning(p *plan.Pruning) *plan.Pruning {
	if p == nil {
		return nil
	}
	return p.Map(l.expr)
}

func (b *builder) rows(t *catalog.Table) float64 {
	if b.stats == nil {
		return 0
	}
	return float64(b.stats.Rows(t))
}

func (b *builder) vectorSearch(v *logical.VectorSearch) *built {
	exprs := v.Scan.Exprs()
	for _, m := range v.Members {
		for i := range m.Keys {
			exprs = append(exprs, &m.Keys[i])
		}
	}
	all := scanColumns(&v.Scan, exprs)
	l, none := b.layout(&built{cols: all}), b.layout(&built{})
	node := &plan.VectorSearch{
		Table: v.Table, Alias: v.Alias, Partitions: v.Partitions, RowID: v.RowID != 0, Filter: l.expr(v.Filter),
		Field: v.Field, Index: v.Index, Operator: v.Operator, Query: none.expr(v.Query),
		Limit: none.expr(v.Limit), Offset: none.expr(v.Offset), Within: none.expr(v.Within), WithinEqual: v.WithinEqual,
		Distance: v.Distance != 0, Wide: v.Wide, Pruning: l.pruning(v.Pruning),
	}
	for _, id := range all {
		node.Fields = append(node.Fields, v.FieldOf(id).Field)
	}
	if v.Key != nil {
		node.Key = b.indexKey(&v.Scan, v.Key)
	}
	cost := scanCost(b.rows(v.Table), v.Filter, b.meta)
	for _, m := range v.Members {
		set := b.build(m.Set)
		node.Members = append(node.Members, &plan.Membership{
			Keys: l.exprs(m.Keys), SetKeys: b.layout(set).exprs(m.SetKeys), Set: set.node, Anti: m.Anti, NullAware: m.NullAware,
			Pruning: b.layout(set).pruning(m.Pruning),
		})
		cost.Total += set.node.Estimate().Total
		cost.Rows = clampRows(cost.Rows / 2)
	}
	rows := b.rows(v.Table)
	k := limitRows(v.Limit, v.Offset, rows)
	if v.Within != nil {
		k = clampRows(min(k, cost.Rows*0.3333))
	}
	cost.Startup = cost.Total + rows*0.02
	cost.Rows, cost.Total = k, cost.Startup+k*0.01
	return b.done(node, v.Columns(), cost)
}

func (b *builder) widenSearch(w *logical.WidenSearch) *built {
	outer := b.widening
	b.widening = true
	in := b.build(w.Input)
	b.widening = outer
	none := b.layout(&built{})
	node := &plan.WidenSearch{Limit: none.expr(w.Limit), Offset: none.expr(w.Offset), Ties: b.layout(in).expr(w.Ties)}
	node.Input = in.node
	return b.done(node, in.cols, in.node.Estimate())
}

func (b *builder) vectorFusion(v *logical.VectorFusion) *built {
	exprs := v.Scan.Exprs()
	if v.Score != nil {
		exprs = append(exprs, &v.Score)
	}
	for i := range v.Items {
		exprs = append(exprs, &v.Items[i].Expr)
	}
	all := scanColumns(&v.Scan, exprs)
	l, none := b.layoutOf(all, []logical.ColID{v.ScoreID}), b.layout(&built{})
	node := &plan.VectorFusion{Table: v.Table, Alias: v.Alias, Weights: none.exprs(v.Weights), Score: l.expr(v.Score), Limit: none.expr(v.Limit), Offset: none.expr(v.Offset)}
	for _, s := range v.Searches {
		one := *s
		one.Scan = v.Scan
		one.Out, one.Distance = all, 0
		node.Searches = append(node.Searches, b.vectorSearch(&one).node.(*plan.VectorSearch))
	}
	for _, it := range v.Items {
		node.Exprs = append(node.Exprs, l.expr(it.Expr))
	}
	if v.Exact != nil {
		node.Exact = b.exactly(b.build(v.Exact), v.Columns()).node
	}
	cost := node.Searches[0].Estimate()
	rows := limitRows(v.Limit, v.Offset, b.rows(v.Table))
	cost.Total = cost.Startup*float64(len(v.Searches)) + rows*0.01
	cost.Startup, cost.Rows = cost.Total, rows
	return b.done(node, v.Columns(), cost)
}

// indexKey compiles an expression over the columns of a scan that it reads.
func (b *builder) indexKey(s *logical.Scan, e plan.Expr) *plan.IndexKey {
	key := &plan.IndexKey{}
	var ids []logical.ColID
	used := logical.Columns(e)
	for _, c := range s.Cols {
		if used.Has(c.ID) {
			ids = append(ids, c.ID)
			key.Fields = append(key.Fields, c.Field)
		}
	}
	key.Key = b.layoutOf(ids).expr(e)
	return key
}

func (b *builder) functionScan(f *logical.FunctionScan) *built {
	l := b.layout(&built{})
	node := &plan.FunctionScan{Alias: f.Alias, Ordinality: f.Ordinality}
	for _, c := range f.Calls {
		node.Calls = append(node.Calls, l.expr(c).(*plan.Call))
	}
	return b.done(node, f.Cols, plan.Cost{Rows: 1000, Startup: 0.01, Total: 10.01})
}

func (b *builder) values(v *logical.Values) *built {
	if len(v.Cols) == 0 && len(v.Rows) == 1 && v.Literals == nil {
		return b.done(&plan.OneRow{}, nil, plan.Cost{Rows: 1, Total: 0.01})
	}
	node := &plan.Values{Literals: v.Literals}
	l := b.layout(&built{})
	for _, row := range v.Rows {
		node.Rows = append(node.Rows, l.exprs(row))
	}
	rows := float64(len(v.Rows))
	if v.Literals != nil && v.Literals.Columns > 0 {
		rows = float64(len(v.Literals.Texts) / v.Literals.Columns)
	}
	return b.done(node, v.Cols, plan.Cost{Rows: rows, Total: rows * 0.0125})
}

func (b *builder) with(w *logical.With) *built {
	node := &plan.With{}
	for _, c := range w.CTEs {
		cte := plan.CTE{ID: c.ID, Name: c.Name, Distinct: c.Distinct, Modifies: c.Modifies}
		cte.Plan = b.exactly(b.build(c.Plan), c.Cols).node
		if c.Recurse != nil {
			cte.Recurse = b.exactly(b.build(c.Recurse), c.RecurseCols).node
		}
		node.CTEs = append(node.CTEs, cte)
	}
	in := b.build(w.Input)
	node.Input = in.node
	return b.done(node, in.cols, in.node.Estimate())
}

func (b *builder) filter(f *logical.Filter) *built {
	in := b.build(f.Input)
	node := &plan.Filter{Cond: b.layout(in).expr(f.Cond)}
	node.Input = in.node
	cost := in.node.Estimate()
	cost.Total += cost.Rows * 0.0025
	cost.Rows = clampRows(cost.Rows * selectivity(f.Cond))
	return b.done(node, in.cols, cost)
}

func (b *builder) project(p *logical.Project, in *built) *built {
	l := b.layout(in)
	cost := in.node.Estimate()
	cost.Total += cost.Rows * 0.0025 * float64(computed(p.Items))
	if !p.Sets {
		node := &plan.Project{}
		node.Input = in.node
		for _, it := range p.Items {
			node.Exprs = append(node.Exprs, l.expr(it.Expr))
		}
		return b.done(node, p.Columns(), cost)
	}
	node := &plan.ProjectSet{}
	node.Input = in.node
	for _, it := range p.Items {
		e := l.expr(it.Expr)
		call, ok := e.(*plan.Call)
		node.Exprs = append(node.Exprs, e)
		node.Sets = append(node.Sets, ok && call.Function.Rows != nil)
	}
	cost.Rows *= 1000
	cost.Total += cost.Rows * 0.005
	return b.done(node, p.Columns(), cost)
}

func computed(items []logical.Item) int {
	n := 0
	for _, it := range items {
		if _, plain := it.Expr.(*logical.Ref); !plain {
			n++
		}
	}
	return n
}

func (b *builder) aggregate(a *logical.Aggregate) *built {
	in := b.build(a.Input)
	l := b.layout(in)
	node := &plan.Aggregate{Sets: a.Sets}
	node.Input = in.node
	for _, g := range a.Groups {
		node.Groups = append(node.Groups, l.expr(g.Expr))
	}
	for _, c := range a.Calls {
		node.Calls = append(node.Calls, l.aggregateCall(c.Call))
	}
	cost := in.node.Estimate()
	cost.Startup = cost.Total + cost.Rows*0.0025*float64(max(len(a.Calls), 1))
	cost.Rows = groupRows(cost.Rows, len(a.Groups))
	cost.Total = cost.Startup + cost.Rows*0.01
	return b.done(node, a.Columns(), cost)
}

func (b *builder) window(w *logical.Window) *built {
	in := b.build(w.Input)
	l := b.layout(in)
	node := &plan.Window{}
	node.Input = in.node
	ids := append([]logical.ColID{}, in.cols...)
	for _, c := range w.Calls {
		call := *c.Call
		call.AggregateCall = *l.aggregateCall(&c.Call.AggregateCall)
		call.PartitionBy, call.OrderBy = l.exprs(call.PartitionBy), l.keys(call.OrderBy)
		call.Start, call.End = l.expr(call.Start), l.expr(call.End)
		node.Calls = append(node.Calls, &call)
		ids = append(ids, c.ID)
	}
	cost := in.node.Estimate()
	cost.Startup = cost.Total + sortCost(cost.Rows)
	cost.Total = cost.Startup + cost.Rows*0.025
	return b.done(node, ids, cost)
}

func (b *builder) sort(s *logical.Sort) *built {
	in := b.build(s.Input)
	l := b.layout(in)
	node := &plan.Sort{Keys: l.keys(s.Keys), Limit: l.expr(s.Limit), Offset: l.expr(s.Offset)}
	node.Input = in.node
	cost := in.node.Estimate()
	cost.Startup = cost.Total + sortCost(cost.Rows)
	cost.Total = cost.Startup + cost.Rows*0.0025
	return b.done(node, in.cols, cost)
}

func (b *builder) limit(lim *logical.Limit) *built {
	in := b.build(lim.Input)
	l := b.layout(in)
	node := &plan.Limit{Count: l.expr(lim.Count), Offset: l.expr(lim.Offset)}
	if lim.WithTies != nil {
		node.WithTies = l.keys(lim.WithTies)
	}
	node.Input = in.node
	cost := in.node.Estimate()
	rows := min(cost.Rows, limitRows(lim.Count, nil, cost.Rows))
	if cost.Rows > 0 {
		cost.Total = cost.Startup + (cost.Total-cost.Startup)*rows/cost.Rows
	}
	cost.Rows = rows
	return b.done(node, in.cols, cost)
}

func (b *builder) distinct(d *logical.Distinct) *built {
	in := b.build(d.Input)
	node := &plan.DistinctRows{On: b.layout(in).exprs(d.On)}
	node.Input = in.node
	cost := in.node.Estimate()
	cost.Startup, cost.Rows = cost.Total, groupRows(cost.Rows, 1)
	cost.Total += cost.Rows * 0.01
	return b.done(node, in.cols, cost)
}

func (b *builder) append(a *logical.Append) *built {
	node := &plan.Append{}
	var cost plan.Cost
	for i, branch := range a.Branches {
		in := b.exactly(b.build(branch), a.From[i])
		node.Inputs = append(node.Inputs, in.node)
		c := in.node.Estimate()
		cost.Rows += c.Rows
		cost.Total += c.Total + c.Rows*0.005
	}
	return b.done(node, a.Cols, cost)
}

func (b *builder) setOp(s *logical.SetOp) *built {
	left, right := b.exactly(b.build(s.Left), s.LeftFrom), b.exactly(b.build(s.Right), s.RightFrom)
	node := &plan.SetOp{Except: s.Except, All: s.All, Left: left.node, Right: right.node}
	l, r := left.node.Estimate(), right.node.Estimate()
	return b.done(node, s.Cols, plan.Cost{Rows: l.Rows, Startup: r.Total, Total: l.Total + r.Total + (l.Rows+r.Rows)*0.01})
}

func (b *builder) lockRows(lr *logical.LockRows) *built {
	in := b.build(lr.Input)
	pos := in.positions()
	node := &plan.LockRows{}
	node.Input = in.node
	drop := logical.ColSet{}
	for _, t := range lr.Targets {
		node.Targets = append(node.Targets, plan.LockTarget{Table: t.Table, RowID: pos[t.RowID], Strength: t.Strength, Wait: t.Wait})
		drop.Add(t.RowID)
	}
	var ids []logical.ColID
	for _, id := range in.cols {
		if !drop.Has(id) {
			ids = append(ids, id)
		}
	}
	cost := in.node.Estimate()
	cost.Total += cost.Rows * 0.01
	return b.done(node, ids, cost)
}
