package recall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

// A combination is what an index can be of.
type combination struct {
	method, typ  string
	distance     distance
	quantization string // "" is the default
	bits         int    // 0 is the default
}

func (c combination) String() string {
	name := fmt.Sprintf("%s of %s by %s", c.method, c.typ, c.distance.class)
	if c.quantization != "" {
		name += ", " + c.quantization
	}
	if c.bits > 0 {
		name += fmt.Sprintf(" of %d bits", c.bits)
	}
	return name
}

// create is the statement that makes an index of column v.
func (c combination) create(index, table string) string {
	var options []string
	if c.quantization != "" {
		options = append(options, "quantization = "+c.quantization)
	}
	if c.bits > 0 {
		options = append(options, fmt.Sprintf("bits = %d", c.bits))
	}
	if c.method == "ivfflat" {
		options = append(options, "lists = 20")
	}
	sql := fmt.Sprintf("CREATE INDEX %s ON %s USING %s (v %s_%s_ops)", index, table, c.method, c.typ, c.distance.class)
	if len(options) > 0 {
		sql += " WITH (" + strings.Join(options, ", ") + ")"
	}
	return sql
}

// The words that combinations are made of.
var (
	methods   = []string{"hnsw", "ivfflat", "diskann"}
	typeNames = []string{"vector", "halfvec", "bit", "sparsevec"}
	distances = []distance{l2, ip, cosine, l1, hamming, jaccard}
)

const bitsMax = 8

// every is all combinations of the words, the senseless ones too.
func every() (list []combination) {
	for _, method := range methods {
		for _, typ := range typeNames {
			for _, d := range distances {
				c := combination{method: method, typ: typ, distance: d}
				for _, quantization := range []string{"", "none", "sq8"} {
					c.quantization = quantization
					list = append(list, c)
				}
				c.quantization = "rabitq"
				for c.bits = 1; c.bits <= bitsMax; c.bits++ {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// legal says which combinations there are.
func legal(c combination) bool {
	class := c.distance.class
	switch {
	case c.typ == "bit" != (class == "hamming" || class == "jaccard"):
		return false // the type has not this distance
	case class == "jaccard" || c.typ == "sparsevec":
		return c.method == "hnsw" && (c.quantization == "" || c.quantization == "none")
	case c.typ == "bit":
		return c.quantization == "" || c.quantization == "none"
	case class == "l1" && c.method == "ivfflat":
		return false
	case class == "l1" && c.method == "diskann":
		return c.quantization == "" || c.quantization == "none"
	case class == "l1":
		return c.quantization != "rabitq"
	}
	return true
}

func combinations() []combination {
	return slices.DeleteFunc(every(), func(c combination) bool { return !legal(c) })
}

// representatives are the forms of each method, type and distance that the default
// is not: floats, codes of eight bits, of one bit and of another number, the next
// one's of the next distance.
func representatives() (list []combination) {
	defaults := map[string]combination{
		"hnsw": {quantization: "sq8"}, "ivfflat": {quantization: "rabitq", bits: 4}, "diskann": {quantization: "rabitq", bits: bitsMax},
	}
	some := 1
	for _, c := range combinations() {
		if c.quantization == "" {
			if some++; some > bitsMax {
				some = 2
			}
		}
		d := defaults[c.method]
		switch {
		case c.quantization == "none" && (c.typ == "bit" || c.typ == "sparsevec"),
			c.quantization == d.quantization && c.bits == d.bits,
			c.bits > 1 && c.bits != some:
			continue // the default by its name, or another's turn
		}
		list = append(list, c)
	}
	return list
}

// TestCombinations: no indexes can be made of other combinations than this package
// knows. TestRecall makes those.
func TestCombinations(t *testing.T) {
	conn := connect(t, servers.StartQuiver(t, ""))
	for _, typ := range typeNames {
		exec(t, conn, fmt.Sprintf("CREATE TABLE t_%s (v %[1]s(3))", typ))
	}
	refusals := map[string]bool{"42704": true, "0A000": true, "22023": true}
	for _, c := range every() {
		if legal(c) || c.bits > 1 {
			continue
		}
		_, err := conn.Exec(context.Background(), c.create("x", "t_"+c.typ))
		var refused *pgconn.PgError
		switch {
		case err == nil:
			t.Errorf("%s can be made", c)
			exec(t, conn, "DROP INDEX x")
		case !errors.As(err, &refused) || !refusals[refused.Code]:
			t.Errorf("%s: refused by %v", c, err)
		}
	}
}
