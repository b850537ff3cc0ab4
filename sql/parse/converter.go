package parse

import (
	"math/big"
	"reflect"
	"strconv"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// converter turns the tree of one statement, which lies at text[start:end],
// into ast nodes. The first thing that has no place in ast is kept in err, and
// what is converted after that does not matter.
type converter struct {
	*source
	start, end int
	params     int
	err        error
}

// pos converts a location of the grammar; -1 and what it leaves out are 0.
func (c *converter) pos(location int32) ast.Pos {
	if location < 0 {
		return 0
	}
	return ast.Pos(c.chars(c.offset(int(location))))
}

// unsupported records that the statement uses something ast has no node for.
func (c *converter) unsupported(location int32, feature string) {
	c.fail(sqlerr.Unsupported("%s", feature).At(int(c.pos(location))))
}

func (c *converter) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// stmtTokens are the tokens of this statement.
func (c *converter) stmtTokens() []token { return c.tokensIn(c.start, c.end) }

// tokensFrom are the statement's tokens from a location of the grammar on.
func (c *converter) tokensFrom(location int32) []token {
	return c.tokensIn(c.offset(int(location)), c.end)
}

// strs reads a list of String nodes.
func strs(nodes []*pgquery.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, str(n))
	}
	return out
}

// str reads a String node; anything else is empty.
func str(n *pgquery.Node) string { return n.GetString_().GetSval() }

// listStrs reads a List of String nodes, or a single String.
func listStrs(n *pgquery.Node) []string {
	if l := n.GetList(); l != nil {
		return strs(l.Items)
	}
	if n.GetString_() != nil {
		return []string{str(n)}
	}
	return nil
}

// number spells an integer literal in decimal: the grammar reads 0x1F and 1_000
// too and passes them on as written when they are large.
func number(text string) string {
	clean := strings.ReplaceAll(text, "_", "")
	if len(clean) > 2 && clean[0] == '0' && (clean[1]|0x20 == 'x' || clean[1]|0x20 == 'o' || clean[1]|0x20 == 'b') {
		if n, ok := new(big.Int).SetString(clean, 0); ok {
			return n.String()
		}
	}
	return clean
}

func firstByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// option converts a DefElem.
func (c *converter) option(d *pgquery.DefElem) *ast.Option {
	o := &ast.Option{Pos: c.pos(d.Location), Namespace: d.Defnamespace, Name: d.Defname}
	c.optionValue(o, d.Arg)
	return o
}

func (c *converter) optionValue(o *ast.Option, arg *pgquery.Node) {
	if arg == nil {
		return
	}
	switch v := arg.Node.(type) {
	case *pgquery.Node_Integer:
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstInteger, Text: strconv.Itoa(int(v.Integer.Ival))}
	case *pgquery.Node_Float:
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstFloat, Text: number(v.Float.Fval)}
	case *pgquery.Node_Boolean:
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstBool, Text: strconv.FormatBool(v.Boolean.Boolval)}
	case *pgquery.Node_String_:
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstString, Text: v.String_.Sval}
	case *pgquery.Node_TypeName: // a bare word, or the type of a sequence
		names := strs(v.TypeName.Names)
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstString, Text: names[len(names)-1]}
	case *pgquery.Node_AStar:
		o.Star = true
	case *pgquery.Node_List:
		for _, item := range v.List.Items {
			switch {
			case item.GetAStar() != nil:
				o.Star = true
			case item.GetString_() != nil:
				o.Names = append(o.Names, str(item))
			default:
				c.unsupported(-1, "the value of option "+strconv.Quote(o.Name))
			}
		}
	case *pgquery.Node_RoleSpec:
		o.Value = &ast.Const{Pos: o.Pos, Kind: ast.ConstString, Text: v.RoleSpec.Rolename}
	default:
		o.Value = c.expr(arg)
	}
}

func (c *converter) options(nodes []*pgquery.Node) []*ast.Option {
	var out []*ast.Option
	for _, n := range nodes {
		if d := n.GetDefElem(); d != nil {
			out = append(out, c.option(d))
		}
	}
	return out
}

// nodeName names a node of the grammar for an 0A000 answer: CreateTrigStmt
// becomes CREATE TRIG, so words are spelled out where they are cut.
func nodeName(n *pgquery.Node) string {
	inner := reflect.ValueOf(n.GetNode())
	if !inner.IsValid() {
		return "this statement"
	}
	name := inner.Elem().Field(0).Type().Elem().Name()
	if full := statementNames[name]; full != "" {
		return full
	}
	name = strings.TrimSuffix(name, "Stmt")
	var words strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			words.WriteByte(' ')
		}
		words.WriteRune(r)
	}
	return strings.ToUpper(words.String())
}

// statementNames spells out the names that nodeName cannot derive.
var statementNames = map[string]string{
	"AlterDatabaseRefreshCollStmt": "ALTER DATABASE REFRESH COLLATION VERSION",
	"AlterDatabaseSetStmt":         "ALTER DATABASE SET",
	"AlterDefaultPrivilegesStmt":   "ALTER DEFAULT PRIVILEGES",
	"AlterEventTrigStmt":           "ALTER EVENT TRIGGER",
	"AlterExtensionContentsStmt":   "ALTER EXTENSION",
	"AlterFdwStmt":                 "ALTER FOREIGN DATA WRAPPER",
	"AlterObjectDependsStmt":       "ALTER DEPENDS ON EXTENSION",
	"AlterObjectSchemaStmt":        "ALTER SET SCHEMA of this kind of object",
	"AlterOpFamilyStmt":            "ALTER OPERATOR FAMILY",
	"AlterOwnerStmt":               "ALTER OWNER TO",
	"AlterRoleSetStmt":             "ALTER ROLE SET",
	"AlterStatsStmt":               "ALTER STATISTICS",
	"AlterTSConfigurationStmt":     "ALTER TEXT SEARCH CONFIGURATION",
	"AlterTSDictionaryStmt":        "ALTER TEXT SEARCH DICTIONARY",
	"AlterTableMoveAllStmt":        "ALTER TABLE ALL IN TABLESPACE",
	"AlterTableSpaceOptionsStmt":   "ALTER TABLESPACE",
	"CompositeTypeStmt":            "CREATE TYPE",
	"ConstraintsSetStmt":           "SET CONSTRAINTS",
	"CreateAmStmt":                 "CREATE ACCESS METHOD",
	"CreateEnumStmt":               "CREATE TYPE AS ENUM",
	"CreateEventTrigStmt":          "CREATE EVENT TRIGGER",
	"CreateFdwStmt":                "CREATE FOREIGN DATA WRAPPER",
	"CreateOpClassStmt":            "CREATE OPERATOR CLASS",
	"CreateOpFamilyStmt":           "CREATE OPERATOR FAMILY",
	"CreatePLangStmt":              "CREATE LANGUAGE",
	"CreateRangeStmt":              "CREATE TYPE AS RANGE",
	"CreateStatsStmt":              "CREATE STATISTICS",
	"CreateTableSpaceStmt":         "CREATE TABLESPACE",
	"CreateTrigStmt":               "CREATE TRIGGER",
	"DefineStmt":                   "CREATE of this kind of object",
	"DropTableSpaceStmt":           "DROP TABLESPACE",
	"GrantRoleStmt":                "GRANT",
	"RefreshMatViewStmt":           "REFRESH MATERIALIZED VIEW",
	"ReplicaIdentityStmt":          "REPLICA IDENTITY",
	"RuleStmt":                     "CREATE RULE",
	"SecLabelStmt":                 "SECURITY LABEL",
	"ViewStmt":                     "CREATE VIEW",
	// Expressions and items of FROM.
	"CurrentOfExpr":             "WHERE CURRENT OF",
	"JsonAggConstructor":        "JSON aggregate constructor",
	"JsonArrayAgg":              "JSON_ARRAYAGG",
	"JsonArrayConstructor":      "JSON_ARRAY",
	"JsonArrayQueryConstructor": "JSON_ARRAY",
	"JsonIsPredicate":           "IS JSON",
	"JsonObjectAgg":             "JSON_OBJECTAGG",
	"JsonObjectConstructor":     "JSON_OBJECT",
	"RangeTableFunc":            "XMLTABLE",
	"RangeTableSample":          "TABLESAMPLE",
	"XmlExpr":                   "XML",
	"XmlSerialize":              "XMLSERIALIZE",
}
