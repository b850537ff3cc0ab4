package session

import (
	"slices"
	"strconv"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/types"
)

// planCacheMax is how many plans a session keeps.
const planCacheMax = 256

// planTextMax is the longest text whose plan is kept.
const planTextMax = 16 << 10

// planCache keeps a session's plans by statement and parameter types. Parsed
// statements are shared by text, so a statement's identity stands for its text.
// It is cleared when a setting that plans depend on changes; a plan of another
// catalog version is not used.
type planCache struct {
	plans map[*ast.Statement][]cachedPlan
	count int
}

type cachedPlan struct {
	params []types.OID
	plan   *plan.Statement
}

func (c *planCache) clear() { c.plans, c.count = nil, 0 }

func (c *planCache) get(st *ast.Statement, params []types.OID, stamp uint64) *plan.Statement {
	for _, p := range c.plans[st] {
		if p.plan.Stamp == stamp && slices.Equal(p.params, params) {
			return p.plan
		}
	}
	return nil
}

func (c *planCache) put(st *ast.Statement, params []types.OID, p *plan.Statement) {
	if !keepsPlan(st) {
		return
	}
	if c.count >= planCacheMax || c.plans == nil {
		c.plans, c.count = map[*ast.Statement][]cachedPlan{}, 0
	}
	kept := slices.DeleteFunc(c.plans[st], func(old cachedPlan) bool { return slices.Equal(old.params, params) })
	c.plans[st] = append(kept, cachedPlan{slices.Clone(params), p})
	c.count++
}

// keepsPlan says whether a statement is worth keeping the plan of.
func keepsPlan(st *ast.Statement) bool {
	if len(st.Text) > planTextMax {
		return false
	}
	switch v := st.Stmt.(type) {
	case *ast.SelectStmt, *ast.UpdateStmt, *ast.DeleteStmt:
		return true
	case *ast.InsertStmt:
		return v.Source == nil || v.Source.Rows == nil
	}
	return false
}

func appendCount(dst []byte, n int64) []byte {
	return strconv.AppendInt(append(dst, ' '), n, 10)
}
