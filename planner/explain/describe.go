package explain

import (
	"fmt"
	"strings"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/funcs"
)

// entry is one node as shown: its type, what the text calls it, properties and
// children.
type entry struct {
	node plan.Node
	// input, when not nil, is the scan whose rows node, a filter shown with it, keeps.
	input    plan.Node
	kind     string // Node Type
	title    string // with its object: Seq Scan on items
	fields   []field
	children []child
}

// field is a property: in the text "name: value", in JSON a member. textless
// ones (Relation Name) are part of the title.
type field struct {
	name     string
	value    any // string, []string, bool or int64
	textless bool
}

// child is an input, or a plan that an expression or WITH runs, under its label.
type child struct {
	label string // "", "CTE a", "SubPlan 1", "InitPlan 1"
	entry *entry
}

type describer struct {
	explain *plan.Explain
	actual  func(plan.Node) *Actual
	// joined are what the joins above say of the partitions of scans.
	joined map[*plan.Scan][]string
}

func (e *entry) text(name, value string) {
	if value != "" {
		e.fields = append(e.fields, field{name: name, value: value})
	}
}

func (e *entry) list(name string, values []string) {
	if len(values) > 0 {
		e.fields = append(e.fields, field{name: name, value: values})
	}
}

func (e *entry) hidden(name string, value any) {
	e.fields = append(e.fields, field{name: name, value: value, textless: true})
}

// node describes a node. Projections are not shown, as in Postgres: what they
// compute is the output of the node below.
func (d *describer) node(n plan.Node) *entry {
	switch n := n.(type) {
	case *plan.Project:
		if _, one := n.Input.(*plan.OneRow); !one {
			inner := d.node(n.Input)
			d.subplans(inner, n.Exprs...)
			return inner
		}
		e := &entry{node: n, kind: "Result", title: "Result"}
		d.subplans(e, n.Exprs...)
		return e
	case *plan.With:
		inner := d.node(n.Input)
		var ctes []child
		for _, c := range n.CTEs {
			ctes = append(ctes, child{"CTE " + c.Name, d.cte(c)})
		}
		inner.children = append(ctes, inner.children...)
		return inner
	case *plan.Filter:
		return d.filtered(n)
	}
	e := &entry{node: n}
	d.describe(e, n)
	for _, in := range n.Children() {
		e.children = append(e.children, child{"", d.node(in)})
	}
	return e
}

func (d *describer) cte(c plan.CTE) *entry {
	if c.Recurse == nil {
		return d.node(c.Plan)
	}
	return &entry{kind: "Recursive Union", title: "Recursive Union", node: c.Plan, children: []child{{"", d.node(c.Plan)}, {"", d.node(c.Recurse)}}}
}

// filtered shows a filter as a property of its input where Postgres would.
func (d *describer) filtered(n *plan.Filter) *entry {
	inner := d.node(n.Input)
	if !takesFilter(inner) {
		inner = &entry{kind: "Filter", title: "Filter", children: []child{{"", inner}}}
	}
	inner.input, inner.node = inner.node, n
	d.condition(inner, "Filter", n.Cond, n.Input)
	return inner
}

func takesFilter(e *entry) bool {
	switch e.kind {
	case "Seq Scan", "Index Scan", "CTE Scan", "WorkTable Scan", "Function Scan", "Values Scan", "Aggregate", "Hash Join", "Nested Loop":
	default:
		return false
	}
	for _, f := range e.fields {
		if f.name == "Filter" {
			return false
		}
	}
	return true
}

func (d *describer) describe(e *entry, n plan.Node) {
	switch n := n.(type) {
	case *plan.OneRow:
		e.kind = "Result"
	case *plan.Empty:
		e.kind = "Result"
		e.text("One-Time Filter", "false")
	case *plan.Values:
		e.kind, e.title = "Values Scan", `Values Scan on "*VALUES*"`
	case *plan.Scan:
		d.scan(e, n)
	case *plan.VectorSearch:
		d.vectorSearch(e, n)
	case *plan.WidenSearch:
		e.kind = "Iterative Search"
	case *plan.VectorFusion:
		d.vectorFusion(e, n)
	case *plan.VirtualScan:
		e.kind = "Seq Scan"
		relation(e, n.Relation.Name, n.Alias)
		d.condition(e, "Filter", n.Filter)
	case *plan.FunctionScan:
		d.functionScan(e, n)
	case *plan.CTERead:
		e.kind = "CTE Scan"
		if n.Working {
			e.kind = "WorkTable Scan"
		}
		alias := n.Alias
		if alias == "" {
			alias = n.Name
		}
		relation(e, n.Name, alias)
	case *plan.ProjectSet:
		e.kind = "ProjectSet"
		d.subplans(e, n.Exprs...)
	case *plan.Limit:
		e.kind = "Limit"
		d.subplans(e, n.Count, n.Offset)
	case *plan.Sort:
		d.sort(e, n)
	case *plan.Aggregate:
		d.aggregate(e, n)
	case *plan.DistinctRows:
		d.distinct(e, n)
	case *plan.HashJoin:
		d.hashJoin(e, n)
	case *plan.NestedLoop:
		e.kind, e.title = "Nested Loop", "Nested Loop"+joinWord(n.Kind)
		e.hidden("Join Type", joinType(n.Kind))
		if n.Search != nil {
			e.text("Vector Searches", "batched")
		}
		d.condition(e, "Join Filter", n.Cond, n.Left, n.Right)
		d.joins(n.JoinPrunings, n.Left, n.Right)
	case *plan.Append:
		e.kind = "Append"
	case *plan.SetOp:
		e.kind, e.title = "SetOp", "HashSetOp "+setOpWord(n)
		e.hidden("Command", setOpWord(n))
	case *plan.Window:
		e.kind = "WindowAgg"
	case *plan.LockRows:
		e.kind = "LockRows"
	case *plan.Insert:
		d.modify(e, "Insert", n.Table, append(append([]plan.Expr{}, n.Source...), n.Returning...))
		d.conflict(e, n)
	case *plan.Update:
		d.modify(e, "Update", n.Table, append(append([]plan.Expr{}, n.Source...), n.Returning...))
	case *plan.Delete:
		d.modify(e, "Delete", n.Table, n.Returning)
	default:
		e.kind = strings.TrimPrefix(fmt.Sprintf("%T", n), "*plan.")
	}
	if e.title == "" {
		e.title = e.kind
	}
}

// relation adds the table to a scan's title.
func relation(e *entry, name, alias string) {
	e.title = e.kind + " on " + name
	if alias != name {
		e.title += " " + alias
	}
	e.hidden("Relation Name", name)
	e.hidden("Alias", alias)
}

func (d *describer) condition(e *entry, name string, cond plan.Expr, inputs ...plan.Node) {
	if cond != nil {
		e.text(name, over(inputs...).expr(cond))
		d.subplans(e, cond)
	}
}

func (d *describer) scan(e *entry, n *plan.Scan) {
	if n.Key == nil {
		e.kind = "Seq Scan"
		relation(e, n.Table.Name, n.Alias)
	} else {
		e.kind = "Index Scan"
		relation(e, n.Table.Name, n.Alias)
		name := n.Table.Name + "_pkey"
		var columns []string
		for _, c := range n.Table.Constraints {
			if c.Kind == catalog.ConstraintPrimaryKey {
				name = c.Name
				columns = keyNames(n.Table, c)
			}
		}
		e.title = strings.Replace(e.title, "Index Scan on", "Index Scan using "+name+" on", 1)
		e.hidden("Index Name", name)
		var conds []string
		for i, k := range n.Key {
			column := "key"
			if i < len(columns) {
				column = columns[i]
			}
			conds = append(conds, "("+column+" = "+Expr(k)+")")
		}
		cond := strings.Join(conds, " AND ")
		if len(conds) > 1 {
			cond = "(" + cond + ")"
		}
		e.text("Index Cond", cond)
		d.subplans(e, n.Key...)
	}
	d.condition(e, "Filter", n.Filter)
	d.partitions(e, n.Partitions)
	d.pruned(e, n.Table, n.Pruning, d.joined[n]...)
}

func keyNames(t *catalog.Table, c catalog.Constraint) []string {
	var names []string
	for _, number := range c.Columns {
		for i := range t.Columns {
			if t.Columns[i].Number == number {
				names = append(names, t.Columns[i].Name)
			}
		}
	}
	return names
}

func (d *describer) partitions(e *entry, list []*catalog.Partition) {
	if list == nil {
		return
	}
	names := []string{}
	for _, p := range list[:min(len(list), partitionsShown)] {
		names = append(names, p.Name)
	}
	switch {
	case len(list) == 0:
		names = []string{"none"}
	case len(list) > partitionsShown:
		names = append(names, fmt.Sprintf("… (%d in all)", len(list)))
	}
	e.list("Partitions", names)
}

// partitionsShown is how many partitions EXPLAIN names.
const partitionsShown = 16

// pruned shows by what partitions are left out when a scan begins.
func (d *describer) pruned(e *entry, t *catalog.Table, p *plan.Pruning, joined ...string) {
	var conds []string
	if p != nil {
		conds = append(conds, pruningText(t, p, Expr))
	}
	e.text("Partition Cond", strings.Join(append(conds, joined...), " AND "))
}

// joins notes what joins leave out of the partitions of scans below.
func (d *describer) joins(p plan.JoinPrunings, left, right plan.Node) {
	if d.joined == nil {
		d.joined = map[*plan.Scan][]string{}
	}
	list, other := p.PruneLeft, right
	if list == nil {
		list, other = p.PruneRight, left
	}
	for _, one := range list {
		d.joined[one.Scan] = append(d.joined[one.Scan], pruningText(one.Scan.Table, one.Pruning, over(other).expr))
	}
}

func pruningText(t *catalog.Table, p *plan.Pruning, value func(plan.Expr) string) string {
	var conds []string
	for _, term := range p.Terms {
		conds = append(conds, pruningTermText(t, term, value))
	}
	for _, either := range p.Either {
		var arms []string
		for _, arm := range either {
			text := pruningText(t, arm, value)
			if len(arm.Terms)+len(arm.Either) > 1 {
				text = "(" + text + ")"
			}
			arms = append(arms, text)
		}
		conds = append(conds, "("+strings.Join(arms, " OR ")+")")
	}
	return strings.Join(conds, " AND ")
}

var pruningWords = map[plan.PruningOp]string{
	plan.PruneEqual: " = ", plan.PruneNot: " <> ",
	plan.PruneLess: " < ", plan.PruneLessEqual: " <= ", plan.PruneGreater: " > ", plan.PruneGreaterEqual: " >= ",
	plan.PruneAny: " = ANY ", plan.PruneNotAny: " <> ALL ", plan.PruneNull: " IS NULL", plan.PruneNotNull: " IS NOT NULL",
}

func pruningTermText(t *catalog.Table, term plan.PruningTerm, value func(plan.Expr) string) string {
	key := t.PartitionKey.Columns[term.Column]
	text := "(" + key.Expr + ")"
	for i := range t.Columns {
		if key.Number != 0 && t.Columns[i].Number == key.Number {
			text = funcs.QuoteIdentifier(t.Columns[i].Name)
		}
	}
	text += pruningWords[term.Op]
	switch {
	case term.Value != nil:
		text += value(term.Value)
	case term.Values != nil:
		text += "(…)"
	}
	return "(" + text + ")"
}

// searchedBy is the distance that a search orders by.
func searchedBy(n *plan.VectorSearch) string {
	value := ""
	for i := range n.Table.Columns {
		if n.Table.Columns[i].Field == n.Field {
			value = funcs.QuoteIdentifier(n.Table.Columns[i].Name)
		}
	}
	if n.Key != nil {
		value = Expr(n.Key.Key)
	}
	return "(" + value + " " + n.Operator + " " + Expr(n.Query) + ")"
}

func (d *describer) vectorSearch(e *entry, n *plan.VectorSearch) {
	if n.Index != nil {
		e.kind = "Index Scan"
		relation(e, n.Table.Name, n.Alias)
		e.title = strings.Replace(e.title, "Index Scan on", "Index Scan using "+funcs.QuoteIdentifier(n.Index.Name)+" on", 1)
		e.hidden("Index Name", n.Index.Name)
	} else {
		e.kind = "Vector Search"
		relation(e, n.Table.Name, n.Alias)
		e.title += " using exact scan"
	}
	by := searchedBy(n)
	if n.Within != nil {
		below := " < "
		if n.WithinEqual {
			below = " <= "
		}
		e.text("Index Cond", "("+by+below+Expr(n.Within)+")")
		d.subplans(e, n.Within)
	}
	if n.Limit != nil || n.Within == nil {
		e.text("Order By", by)
	}
	d.subplans(e, n.Query)
	var members []string
	for _, m := range n.Members {
		d.member(e, n, m)
		if m.Pruning != nil {
			members = append(members, pruningText(n.Table, m.Pruning, over(m.Set).expr))
		}
	}
	d.condition(e, "Filter", n.Filter)
	d.partitions(e, n.Partitions)
	d.pruned(e, n.Table, n.Pruning, members...)
}

func (d *describer) vectorFusion(e *entry, n *plan.VectorFusion) {
	e.kind = "Vector Fusion"
	relation(e, n.Table.Name, n.Alias)
	var by []string
	for i, s := range n.Searches {
		text := searchedBy(s)
		if n.Score != nil && n.Weights[i] != nil {
			text = Expr(n.Weights[i]) + " * " + text
		}
		if s.Index != nil {
			text += " using " + funcs.QuoteIdentifier(s.Index.Name)
		}
		by = append(by, text)
	}
	name := "Reciprocal Rank Fusion"
	if n.Score != nil {
		name = "Weighted Sum"
	}
	e.list(name, by)
	d.condition(e, "Filter", n.Searches[0].Filter)
	d.partitions(e, n.Searches[0].Partitions)
}

// member shows a membership as the condition of the join that it stands for.
func (d *describer) member(e *entry, n *plan.VectorSearch, m *plan.Membership) {
	name := "Semi Join Cond"
	if m.Anti {
		name = "Anti Join Cond"
	}
	var conds []string
	for i, k := range m.Keys {
		conds = append(conds, "("+Expr(k)+" = "+over(m.Set).expr(m.SetKeys[i])+")")
	}
	cond := strings.Join(conds, " AND ")
	if len(conds) > 1 {
		cond = "(" + cond + ")"
	}
	e.text(name, cond)
}

func (d *describer) functionScan(e *entry, n *plan.FunctionScan) {
	e.kind = "Function Scan"
	name := n.Alias
	if len(n.Calls) == 1 {
		name = n.Calls[0].Function.Name
	}
	relation(e, name, n.Alias)
	for _, c := range n.Calls {
		d.subplans(e, c)
	}
}

func (d *describer) sort(e *entry, n *plan.Sort) {
	e.kind = "Sort"
	if n.Limit != nil {
		e.title = "Top-N Sort"
	}
	e.list("Sort Key", over(n.Input).keys(n.Keys))
	for _, k := range n.Keys {
		d.subplans(e, k.Expr)
	}
}

func (d *describer) aggregate(e *entry, n *plan.Aggregate) {
	e.kind, e.title = "Aggregate", "Aggregate"
	if len(n.Groups) > 0 {
		e.title = "HashAggregate"
		e.list("Group Key", over(n.Input).exprs(n.Groups))
	}
	d.subplans(e, n.Groups...)
	for _, c := range n.Calls {
		d.subplans(e, append(append([]plan.Expr{}, c.Args...), c.Filter)...)
	}
}

func (d *describer) distinct(e *entry, n *plan.DistinctRows) {
	if n.On != nil {
		e.kind = "Unique"
		return
	}
	e.kind, e.title = "Aggregate", "HashAggregate"
	var names []string
	for _, c := range n.Output() {
		names = append(names, c.Name)
	}
	e.list("Group Key", names)
}

func (d *describer) hashJoin(e *entry, n *plan.HashJoin) {
	e.kind = "Hash Join"
	e.title = "Hash Join"
	if w := joinWord(n.Kind); w != "" {
		e.title = "Hash" + w
	}
	e.hidden("Join Type", joinType(n.Kind))
	var conds []string
	for i := range n.LeftKeys {
		conds = append(conds, "("+over(n.Left).expr(n.LeftKeys[i])+" = "+over(n.Right).expr(n.RightKeys[i])+")")
	}
	cond := strings.Join(conds, " AND ")
	if len(conds) > 1 {
		cond = "(" + cond + ")"
	}
	e.text("Hash Cond", cond)
	d.condition(e, "Join Filter", n.Residual, n.Left, n.Right)
	d.joins(n.JoinPrunings, n.Left, n.Right)
}

func joinType(k plan.JoinKind) string {
	return [...]string{"Inner", "Left", "Right", "Full", "Semi", "Anti", "Anti"}[k]
}

func joinWord(k plan.JoinKind) string {
	if k == plan.JoinInner {
		return ""
	}
	return " " + joinType(k) + " Join"
}

func setOpWord(n *plan.SetOp) string {
	word := "Intersect"
	if n.Except {
		word = "Except"
	}
	if n.All {
		word += " All"
	}
	return word
}

func (d *describer) modify(e *entry, op string, t *catalog.Table, list []plan.Expr) {
	e.kind, e.title = "ModifyTable", op+" on "+t.Name
	e.hidden("Operation", op)
	e.hidden("Relation Name", t.Name)
	d.subplans(e, list...)
}

func (d *describer) conflict(e *entry, n *plan.Insert) {
	if n.Conflict == nil {
		return
	}
	if n.Conflict.Set == nil {
		e.text("Conflict Resolution", "NOTHING")
		return
	}
	e.text("Conflict Resolution", "UPDATE")
	d.condition(e, "Conflict Filter", n.Conflict.Where)
}

// subplans shows the subqueries of expressions as children.
func (d *describer) subplans(e *entry, list ...plan.Expr) {
	for _, x := range list {
		eachSubquery(x, func(s *plan.Subquery) {
			label := fmt.Sprintf("SubPlan %d", s.ID)
			if !s.Correlated {
				label = fmt.Sprintf("InitPlan %d (returns $%d)", s.ID, s.ID-1)
			}
			e.children = append(e.children, child{label, d.node(s.Plan)})
		})
	}
}
