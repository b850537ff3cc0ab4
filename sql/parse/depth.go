package parse

import "quiver/sql/sqlerr"

// depthMax bounds how deep an expression may nest. The grammar's output walk
// recurses in C, where running out of stack ends the process; it needs about
// 250 bytes a level, and threads may have as little as 2 MB.
const depthMax = 4000

// depthFreeBytes is a length of text that cannot nest deeper than depthMax
// twice over.
const depthFreeBytes = 2 * depthMax

func tooDeep() error {
	return sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
		WithHint("The statement nests too many operators or subqueries in one another; split it up.")
}

// checkDepth refuses text whose expressions might nest too deep. It counts,
// for each pair of parentheses, the operators since the last comma, AND or OR
// (which the grammar keeps as flat lists): an upper bound of the depth.
func checkDepth(text string) error {
	if len(text) < depthFreeBytes {
		return nil
	}
	type level struct{ count, max int }
	levels := []level{{}}
	l := lexer{text: text}
	for {
		t := l.next()
		top := &levels[len(levels)-1]
		switch t.kind {
		case lexEnd:
			return nil
		case lexOpen:
			levels = append(levels, level{})
			if len(levels) > depthMax {
				return tooDeep()
			}
		case lexClose:
			if len(levels) > 1 {
				inner := top.max
				levels = levels[:len(levels)-1]
				top = &levels[len(levels)-1]
				top.count += inner
			}
		case lexComma, lexSemicolon:
			top.count = 0
		case lexOperator:
			top.count++
		case lexWord:
			switch word := text[t.start:t.end]; {
			case isWord(word, "and"), isWord(word, "or"), isWord(word, "when"), isWord(word, "then"), isWord(word, "else"):
				top.count = 0
			case deepens(word):
				top.count++
			}
		}
		if top.count > top.max {
			top.max = top.count
		}
		if top.max > depthMax {
			return tooDeep()
		}
	}
}

// deepens says whether a word is an operator of the grammar.
func deepens(word string) bool {
	for _, w := range []string{
		"union", "intersect", "except", "join", "is", "isnull", "notnull", "collate", "at",
		"like", "ilike", "similar", "in", "not", "overlaps", "between", "case", "select",
	} {
		if isWord(word, w) {
			return true
		}
	}
	return false
}
