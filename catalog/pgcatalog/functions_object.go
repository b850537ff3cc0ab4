package pgcatalog

import (
	"math"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	define(tableIsVisible, "pg_table_is_visible(oid)")
	define(typeIsVisible, "pg_type_is_visible(oid)")
	define(functionIsVisible, "pg_function_is_visible(oid)")
	define(operatorIsVisible, "pg_operator_is_visible(oid)")
	define(always(true), "pg_opclass_is_visible(oid)", "pg_opfamily_is_visible(oid)", "pg_collation_is_visible(oid)",
		"pg_conversion_is_visible(oid)", "pg_statistics_obj_is_visible(oid)", "pg_ts_config_is_visible(oid)",
		"pg_ts_dict_is_visible(oid)", "pg_ts_parser_is_visible(oid)", "pg_ts_template_is_visible(oid)")

	for typ, signature := range map[types.OID]string{
		types.RegclassOID: "to_regclass(text)", types.RegtypeOID: "to_regtype(text)", types.RegprocOID: "to_regproc(text)",
		types.RegprocedureOID: "to_regprocedure(text)", types.RegoperOID: "to_regoper(text)",
		types.RegoperatorOID: "to_regoperator(text)", types.RegnamespaceOID: "to_regnamespace(text)",
		types.RegroleOID: "to_regrole(text)", types.RegcollationOID: "to_regcollation(text)",
	} {
		define(toReg(typ), signature)
	}
	define(func(c call) (any, error) { return relationNamed(c, c.text(0)) }, "regclass(text)")

	define(relationSize, "pg_relation_size(regclass)", "pg_table_size(regclass)", "pg_total_relation_size(regclass)")
	define(relationForkSize, "pg_relation_size(regclass,text)")
	define(indexesSize, "pg_indexes_size(regclass)")
	define(databaseSizeByName, "pg_database_size(name)")
	define(databaseSizeByOID, "pg_database_size(oid)")
	define(tablespaceSize, "pg_tablespace_size(oid)", "pg_tablespace_size(name)")
	define(always(""), "pg_tablespace_location(oid)")
	define(relationFilenode, "pg_relation_filenode(regclass)")
	define(null, "pg_relation_filepath(regclass)")
	define(isUserTable, "pg_relation_is_publishable(regclass)")
	define(relationIsUpdatable, "pg_relation_is_updatable(regclass,bool)")
	define(isUserTable, "pg_column_is_updatable(regclass,int2,bool)")
	define(always(0), "pg_my_temp_schema()")
	define(always(false), "pg_is_other_temp_schema(oid)", "row_security_active(oid)", "row_security_active(text)")
	define(age, "age(xid)")
	define(sequenceLastValue, "pg_sequence_last_value(regclass)")
	define(describeObject, "pg_describe_object(oid,oid,int4)")
}

func always(v any) func(call) (any, error) { return func(call) (any, error) { return v, nil } }

func tableIsVisible(c call) (any, error) {
	r := c.view.RelationByOID(c.oid(0))
	if r == nil {
		return nil, nil
	}
	return isVisible(c.view, c.Session, r), nil
}

// inPath says whether the search path has a schema.
func inPath(c call, schema string) bool {
	for _, name := range searchPathOf(c.Session) {
		if name == schema {
			return true
		}
	}
	return false
}

func typeIsVisible(c call) (any, error) {
	t := types.ByOID(c.oid(0))
	if t == nil {
		if r := c.view.RelationByOID(c.oid(0)); r != nil && rowType(r) != 0 {
			return isVisible(c.view, c.Session, r), nil
		}
		return nil, nil
	}
	return inPath(c, types.SchemaOf(t)), nil
}

func functionIsVisible(c call) (any, error) {
	f := funcs.FunctionByOID(c.oid(0))
	if f == nil {
		return nil, nil
	}
	return inPath(c, functionSchema(f)), nil
}

func operatorIsVisible(c call) (any, error) {
	o := funcs.OperatorByOID(c.oid(0))
	if o == nil {
		return nil, nil
	}
	return o.Function == nil || inPath(c, functionSchema(o.Function)), nil
}

// relationNamed is the relation of a name; a number is a name here, too.
func relationNamed(c call, name string) (any, error) {
	oid, err := c.names().OID(types.RegclassOID, name)
	if err != nil {
		return nil, err
	}
	return oid, nil
}

func parseNumber(s string) (types.OID, bool) {
	if s == "-" {
		return 0, true
	}
	n := uint64(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || n > 1<<32 {
			return 0, false
		}
		n = 10*n + uint64(s[i]-'0')
	}
	return types.OID(n), s != "" && n < 1<<32
}

// toReg is to_regclass and its like: null where the cast would fail. A number
// is no name.
func toReg(typ types.OID) func(call) (any, error) {
	return func(c call) (any, error) {
		if _, ok := parseNumber(c.text(0)); ok {
			return nil, nil
		}
		oid, err := c.names().OID(typ, c.text(0))
		if err != nil {
			return nil, nil //nolint:nilerr // what cannot be found is null
		}
		return oid, nil
	}
}

// tableOf is the table whose rows a relation shows; nil for others.
func tableOf(v catalog.View, r catalog.Relation) *catalog.Table {
	switch r := r.(type) {
	case *catalog.Table:
		return r
	case *catalog.Partition:
		return v.Table(r.Table)
	}
	return nil
}

// relationSize is the bytes of a table; indexes are parts of it.
func relationSize(c call) (any, error) {
	r := c.view.RelationByOID(c.oid(0))
	if r == nil {
		return nil, nil
	}
	switch r := r.(type) {
	case *catalog.Table:
		return catalog.LiveOf(c.view).TableSize(r), nil
	case *catalog.Partition:
		return catalog.LiveOf(c.view).PartitionSize(c.view.Table(r.Table), r), nil
	case *catalog.Index:
		return catalog.LiveOf(c.view).IndexSize(c.view.Table(r.Table), r), nil
	}
	return 0, nil
}

func indexesSize(c call) (any, error) {
	r := c.view.RelationByOID(c.oid(0))
	if r == nil {
		return nil, nil
	}
	total := int64(0)
	for _, i := range indexesOf(c.view, r) {
		total += catalog.LiveOf(c.view).IndexSize(r.(*catalog.Table), i)
	}
	return total, nil
}

func relationForkSize(c call) (any, error) {
	switch c.text(1) {
	case "main":
		return relationSize(c)
	case "fsm", "vm", "init":
		return 0, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid fork name").
		WithHint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".")
}

// sizeOfTables is the bytes of all tables that a view shows.
func sizeOfTables(v catalog.View) (total int64) {
	for _, s := range v.Schemas() {
		for _, r := range v.Relations(s.OID) {
			if t, ok := r.(*catalog.Table); ok {
				total += catalog.LiveOf(v).TableSize(t)
			}
		}
	}
	return total
}

// tablespaceSize is the bytes of the tables of every database.
func tablespaceSize(c call) (any, error) {
	total := int64(0)
	for _, d := range c.view.Databases() {
		total += databaseSize(c, d)
	}
	return total, nil
}

func databaseSize(c call, d *catalog.Database) int64 {
	live := catalog.LiveOf(c.view)
	if live == nil || d.OID == databaseOID(c.view) {
		return sizeOfTables(c.view)
	}
	return sizeOfTables(live.InDatabase(d.OID))
}

func databaseSizeByName(c call) (any, error) {
	for _, d := range c.view.Databases() {
		if d.Name == c.text(0) {
			return databaseSize(c, d), nil
		}
	}
	return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", c.text(0))
}

func databaseSizeByOID(c call) (any, error) {
	for _, d := range c.view.Databases() {
		if d.OID == c.oid(0) {
			return databaseSize(c, d), nil
		}
	}
	return nil, nil
}

func relationFilenode(c call) (any, error) {
	switch r := c.view.RelationByOID(c.oid(0)).(type) {
	case nil, *catalog.Virtual:
		return nil, nil
	default:
		return r.Head().OID, nil
	}
}

func isUserTable(c call) (any, error) {
	return tableOf(c.view, c.view.RelationByOID(c.oid(0))) != nil, nil
}

// updatableEvents are the bits for INSERT, UPDATE and DELETE.
const updatableEvents = 1<<3 | 1<<2 | 1<<4

func relationIsUpdatable(c call) (any, error) {
	if tableOf(c.view, c.view.RelationByOID(c.oid(0))) != nil {
		return updatableEvents, nil
	}
	return 0, nil
}

// firstNormalXID is the first transaction id that ages.
const firstNormalXID = 3

// age is how many transactions ago one was: for ever, of those that are
// permanent, and never, since Quiver's do not wrap around.
func age(c call) (any, error) {
	if c.oid(0) < firstNormalXID {
		return int64(math.MaxInt32), nil
	}
	return 0, nil
}

func sequenceLastValue(c call) (any, error) {
	s, ok := c.view.RelationByOID(c.oid(0)).(*catalog.Sequence)
	live := catalog.LiveOf(c.view)
	if !ok || live == nil {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "\"%s\" is not a sequence", c.names().Name(types.RegclassOID, c.oid(0)))
	}
	last, called, err := live.SequenceValue(c.Ctx, s)
	if err != nil || !called {
		return nil, err
	}
	return last, nil
}

// describeObject names what a row of pg_depend points at.
func describeObject(c call) (any, error) {
	class, oid, column := c.oid(0), c.oid(1), int16(c.int(2))
	switch class {
	case classCatalog:
		r := c.view.RelationByOID(oid)
		if r == nil {
			return nil, nil
		}
		name := relationName(c.view, c.Session, oid)
		if column > 0 {
			t, _ := r.(*catalog.Table)
			return "column " + columnName(t, column) + " of table " + name, nil
		}
		return relationKindName(r) + " " + name, nil
	case namespaceCatalog:
		if s := c.view.SchemaByOID(oid); s != nil {
			return "schema " + quoteIdent(s.Name), nil
		}
	case extensionCatalog:
		if oid == vectorExtensionOID {
			return "extension " + vectorExtension, nil
		}
	case constraintCatalog:
		if t, k := findConstraint(c.view, oid); k != nil {
			return "constraint " + quoteIdent(k.Name) + " on table " + relationName(c.view, c.Session, t.OID), nil
		}
	}
	return nil, nil
}

func relationKindName(r catalog.Relation) string {
	switch r.Kind() {
	case 'i':
		return "index"
	case 'S':
		return "sequence"
	case 'v':
		return "view"
	}
	return "table"
}
