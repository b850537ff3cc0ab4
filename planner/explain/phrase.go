package explain

import (
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// phraseArgs prints the arguments of a call written in SQL's own words.
type phraseArgs struct {
	printer
	args []plan.Expr
}

var _ funcs.PhraseArgs = phraseArgs{}

func (a phraseArgs) Arg(i int) string     { return a.bare(a.args[i]) }
func (a phraseArgs) Operand(i int) string { return a.bare(a.args[i]) }

func (a phraseArgs) Word(i int) string {
	c, ok := a.args[i].(*plan.Const)
	if !ok || c.Value.IsNull(0) || !a.IsText(i) {
		return ""
	}
	if text := string(c.T.Type().AppendText(nil, c.Value, 0, a.format)); funcs.IsWord(text) {
		return text
	}
	return ""
}

func (a phraseArgs) IsText(i int) bool {
	return a.args[i].Type().Type().Category == types.CategoryString
}
