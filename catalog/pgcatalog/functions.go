package pgcatalog

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	defineNullable(formatType, "format_type(oid,int4)")
	define(getExpr, "pg_get_expr(pg_node_tree,oid)", "pg_get_expr(pg_node_tree,oid,bool)")
	define(getIndexDef, "pg_get_indexdef(oid)", "pg_get_indexdef(oid,int4,bool)")
	define(getConstraintDef, "pg_get_constraintdef(oid)", "pg_get_constraintdef(oid,bool)")
	define(getSerialSequence, "pg_get_serial_sequence(text,text)")
	define(getFunctionArguments, "pg_get_function_arguments(oid)")
	define(getFunctionIdentityArguments, "pg_get_function_identity_arguments(oid)")
	define(getFunctionBody, "pg_get_function_sqlbody(oid)")
	define(getFunctionDefinition, "pg_get_functiondef(oid)")
	define(getFunctionResult, "pg_get_function_result(oid)")
	define(null, "pg_get_function_arg_default(oid,int4)",
		"pg_get_triggerdef(oid)", "pg_get_triggerdef(oid,bool)", "pg_get_ruledef(oid)", "pg_get_ruledef(oid,bool)",
		"pg_get_statisticsobjdef(oid)",
		"pg_get_statisticsobjdef_columns(oid)", "pg_get_viewdef(text)", "pg_get_viewdef(text,bool)", "pg_get_replica_identity_index(regclass)")
	define(viewDefinition, "pg_get_viewdef(oid)", "pg_get_viewdef(oid,bool)", "pg_get_viewdef(oid,int4)")
	define(vectorTypes, "oidvectortypes(oidvector)")
	define(getUserByID, "pg_get_userbyid(oid)")
	define(encodingToChar, "pg_encoding_to_char(int4)")
	define(charToEncoding, "pg_char_to_encoding(name)")
	define(currentSchema, "current_schema()")
	define(currentSchemas, "current_schemas(bool)")
	defineRows("pg_get_keywords()", getKeywords)
	defineRows("pg_options_to_table(_text)", optionsToTable)
	defineRows("aclexplode(_aclitem)", noRows)
}

func null(call) (any, error) { return nil, nil }

func noRows(call, func(...any)) error { return nil }

func formatType(c call) (any, error) {
	if c.isNull(0) {
		return nil, nil
	}
	if r := c.view.RelationByOID(c.oid(0)); r != nil && rowType(r) != 0 {
		return relationName(c.view, c.Session, c.oid(0)), nil
	}
	if c.isNull(1) {
		return types.TypeName(c.oid(0)), nil
	}
	return types.FormatType(types.T{OID: c.oid(0), Mod: int32(c.int(1))}), nil
}

// getExpr prints defaults and the expressions of indexes, which the catalog keeps
// in the form without pretty.
func getExpr(c call) (any, error) {
	if text := c.text(0); text == "DEFAULT" || strings.HasPrefix(text, "FOR VALUES ") {
		return text, nil // the bound of a partition
	}
	return spelled(c.view, c.Session, exprText(c.text(0), len(c.args) == 3 && c.bool(2))), nil
}

func getIndexDef(c call) (any, error) {
	i, ok := c.view.RelationByOID(c.oid(0)).(*catalog.Index)
	if !ok {
		return nil, nil
	}
	t := c.view.Table(i.Table)
	if t == nil {
		return nil, nil
	}
	if len(c.args) == 3 {
		if k := c.int(1); k > 0 {
			if int(k) > len(i.Columns) {
				return "", nil
			}
			return indexColumn(t, &i.Columns[k-1], c.bool(2)), nil
		}
		if c.bool(2) {
			return indexDefinition(i, t, relationName(c.view, c.Session, t.OID), true), nil
		}
	}
	return indexDefinition(i, t, qualified(schemaName(c.view, t.Schema), t.Name), false), nil
}

func getConstraintDef(c call) (any, error) {
	if t, k := findConstraint(c.view, c.oid(0)); k != nil {
		return constraintDefinition(t, k, len(c.args) == 2 && c.bool(1)), nil
	}
	return nil, nil
}

func getSerialSequence(c call) (any, error) {
	parts, err := splitName(c.text(0))
	if err != nil {
		return nil, err
	}
	t, ok := findRelation(c.view, c.Session, parts).(*catalog.Table)
	if !ok {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", strings.Join(parts, "."))
	}
	for i := range t.Columns {
		col := &t.Columns[i]
		if col.Name != c.text(1) || col.Dropped() {
			continue
		}
		for _, s := range c.view.OwnedSequences(t.OID) {
			if s.OwnerColumn == col.Number {
				return qualified(schemaName(c.view, s.Schema), s.Name), nil
			}
		}
		return nil, nil
	}
	return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", c.text(1), t.Name)
}

// vectorTypes spells the types of an oidvector.
func vectorTypes(c call) (any, error) {
	v := types.ArrayAt(c.args[0].Array, c.args[0].Row(c.row))
	var names []string
	for k := v.Start; k < v.End; k++ {
		names = append(names, types.TypeName(types.OID(v.Elements.(*array.Uint32).Value(k))))
	}
	return strings.Join(names, ", "), nil
}

func getUserByID(c call) (any, error) {
	if c.oid(0) == owner {
		return roleName(c.Session), nil
	}
	return fmt.Sprintf("unknown (OID=%d)", c.oid(0)), nil
}

// encodings are the names of the encodings that clients may speak.
var encodings = map[int64]string{0: "SQL_ASCII", encodingUTF8: "UTF8", 8: "LATIN1"}

func encodingToChar(c call) (any, error) { return encodings[c.int(0)], nil }

func charToEncoding(c call) (any, error) {
	for number, name := range encodings {
		if strings.EqualFold(name, c.text(0)) {
			return number, nil
		}
	}
	return -1, nil
}

func currentSchema(c call) (any, error) {
	if names := existingSchemas(c, false); len(names) > 0 {
		return names[0], nil
	}
	return nil, nil
}

func currentSchemas(c call) (any, error) { return existingSchemas(c, c.bool(0)), nil }

// existingSchemas are those of the search path that exist, with pg_catalog's
// implicit place when implicit is set.
func existingSchemas(c call, implicit bool) []string {
	path, _ := namedPath(c.Session)
	if implicit {
		path = searchPathOf(c.Session)
	}
	names := []string{}
	for _, name := range path {
		if c.view.SchemaByName(name) != nil {
			names = append(names, name)
		}
	}
	return names
}

func getKeywords(_ call, add func(values ...any)) error {
	eachFact("keywords.txt", func(line string) {
		f := strings.SplitN(line, "|", 5)
		add(f[0], f[1], f[2] == "t", f[3], f[4])
	})
	return nil
}

func optionsToTable(c call, add func(values ...any)) error {
	v := types.ArrayAt(c.args[0].Array, c.args[0].Row(0))
	text := types.ByOID(types.TextOID)
	for k := v.Start; k < v.End; k++ {
		name, value, _ := strings.Cut(string(text.AppendText(nil, v.Elements, k, types.DefaultFormat())), "=")
		add(name, value)
	}
	return nil
}
