package pgcatalog

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Names is the text form of regclass, regtype and their like over one view. Put
// it into the types.Format of a statement.
type Names struct {
	View    catalog.View
	Session types.Session
	// Qualify has relations printed with their schemas, whatever the search
	// path: what the catalog keeps.
	Qualify bool
}

var _ types.Names = Names{}

// Name prints oid as typ's output function does: by name, qualified if the
// search path does not find it, or the number when there is no such object.
func (n Names) Name(typ, oid types.OID) string {
	if name := n.name(typ, oid); name != "" {
		return name
	}
	return strconv.FormatUint(uint64(oid), 10)
}

func (n Names) name(typ, oid types.OID) string {
	switch typ {
	case types.RegclassOID:
		if r := n.View.RelationByOID(oid); r != nil && n.Qualify {
			return qualified(schemaName(n.View, r.SchemaOID()), r.Head().Name)
		}
		return relationName(n.View, n.Session, oid)
	case types.RegtypeOID:
		if types.ByOID(oid) != nil {
			return types.TypeName(oid)
		}
		if r := n.View.RelationByOID(oid); r != nil && rowType(r) != 0 {
			return relationName(n.View, n.Session, oid)
		}
	case types.RegprocOID:
		return functionName(oid)
	case types.RegprocedureOID:
		if f := functionByOID(oid); f != nil {
			return n.qualify(functionSchema(f), f.Name) + "(" + typeList(f.Args) + ")"
		}
	case types.RegoperOID:
		if o := funcs.OperatorByOID(oid); o != nil {
			return o.Name
		}
	case types.RegoperatorOID:
		if o := funcs.OperatorByOID(oid); o != nil {
			return o.Name + "(" + operandName(o.Left) + "," + operandName(o.Right) + ")"
		}
	case types.RegnamespaceOID:
		if s := n.View.SchemaByOID(oid); s != nil {
			return quoteIdent(s.Name)
		}
	case types.RegroleOID:
		if oid == catalog.BootstrapRoleOID {
			return quoteIdent(roleName(n.Session))
		}
	case types.RegcollationOID:
		return quoteNonEmpty(collationName(oid))
	}
	return ""
}

// qualify writes the schema where the search path lacks it.
func (n Names) qualify(schema, name string) string {
	if slices.Contains(searchPathOf(n.Session), schema) {
		return quoteIdent(name)
	}
	return qualified(schema, name)
}

func quoteNonEmpty(name string) string {
	if name == "" {
		return ""
	}
	return quoteIdent(name)
}

func typeList(oids []types.OID) string {
	names := make([]string, len(oids))
	for i, oid := range oids {
		names[i] = types.TypeName(oid)
	}
	return strings.Join(names, ",")
}

func operandName(oid types.OID) string {
	if oid == 0 {
		return "NONE"
	}
	return types.TypeName(oid)
}

// relationName prints a relation: bare when the search path finds it first.
func relationName(v catalog.View, s types.Session, oid types.OID) string {
	r := v.RelationByOID(oid)
	if r == nil {
		return ""
	}
	if isVisible(v, s, r) {
		return quoteIdent(r.Head().Name)
	}
	return qualified(schemaName(v, r.SchemaOID()), r.Head().Name)
}

// isVisible says whether the search path finds r by its bare name.
func isVisible(v catalog.View, s types.Session, r catalog.Relation) bool {
	found := findRelation(v, s, []string{r.Head().Name})
	return found != nil && found.Head().OID == r.Head().OID
}

func schemaName(v catalog.View, oid types.OID) string {
	if s := v.SchemaByOID(oid); s != nil {
		return s.Name
	}
	return ""
}

// findRelation looks a name of one to three parts up; nil when it is not there.
func findRelation(v catalog.View, s types.Session, parts []string) catalog.Relation {
	if len(parts) == 3 && v.Database() != nil && parts[0] == v.Database().Name {
		parts = parts[1:]
	}
	switch len(parts) {
	case 1:
		for _, name := range searchPathOf(s) {
			if schema := v.SchemaByName(name); schema != nil {
				if r := v.Relation(schema.OID, parts[0]); r != nil {
					return r
				}
			}
		}
	case 2:
		if schema := v.SchemaByName(parts[0]); schema != nil {
			return v.Relation(schema.OID, parts[1])
		}
	}
	return nil
}

// functionNames are the names of Postgres' functions by OID, and the functions of
// each name. Catalogs point at more of them than Quiver has.
var functionNames = sync.OnceValues(loadFunctionNames)

func loadFunctionNames() (names map[types.OID]string, oids map[string][]types.OID) {
	names, oids = map[types.OID]string{}, map[string][]types.OID{}
	eachFact("functions.txt", func(line string) {
		number32, name, _ := strings.Cut(line, " ")
		oid := types.OID(number(number32))
		names[oid] = name
		oids[name] = append(oids[name], oid)
	})
	for _, f := range vectorHandlers() {
		names[f.OID] = f.Name
	}
	return names, oids
}

// functionName prints a function as regproc does: qualified when others have
// its name.
func functionName(oid types.OID) string {
	names, oids := functionNames()
	name, count := names[oid], 0
	if name != "" {
		count = len(oids[name])
	} else if f := funcs.FunctionByOID(oid); f != nil {
		name, count = f.Name, len(funcs.Lookup("", f.Name))
		if count > 1 {
			return qualified(functionSchema(f), name)
		}
	}
	if count > 1 {
		return qualified("pg_catalog", name)
	}
	return quoteNonEmpty(name)
}

// functionSchema is the schema clients see f in.
func functionSchema(f *funcs.Function) string {
	if f.Extension != "" {
		return "public"
	}
	return f.Schema
}

// OID reads what Name prints.
func (n Names) OID(typ types.OID, text string) (types.OID, error) {
	switch typ {
	case types.RegtypeOID:
		return typeByName(text)
	case types.RegprocedureOID:
		return functionBySignature(text)
	case types.RegoperOID, types.RegoperatorOID:
		return operatorByName(typ, text)
	}
	parts, err := splitName(text)
	if err != nil {
		return 0, err
	}
	last := parts[len(parts)-1]
	switch typ {
	case types.RegclassOID:
		return n.relation(parts)
	case types.RegprocOID:
		return functionByName(text, last)
	case types.RegnamespaceOID:
		if s := n.View.SchemaByName(last); s != nil {
			return s.OID, nil
		}
		return 0, sqlerr.New(sqlerr.InvalidSchemaName, "schema \"%s\" does not exist", text)
	case types.RegroleOID:
		if last == roleName(n.Session) {
			return catalog.BootstrapRoleOID, nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "role \"%s\" does not exist", text)
	case types.RegcollationOID:
		if oid := collationByName(last); oid != 0 {
			return oid, nil
		}
		return 0, sqlerr.New(sqlerr.UndefinedObject, "collation \"%s\" for encoding \"UTF8\" does not exist", text)
	}
	return 0, sqlerr.Unsupported("names of type %s", types.FormatType(types.Of(typ)))
}

func (n Names) relation(parts []string) (types.OID, error) {
	if r := findRelation(n.View, n.Session, parts); r != nil {
		return r.Head().OID, nil
	}
	return 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", strings.Join(parts, "."))
}

// typeByName reads a type as SQL spells it: timestamp with time zone, int4[],
// public.vector(3).
func typeByName(text string) (types.OID, error) {
	missing := sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", text)
	name := strings.ToLower(strings.Join(strings.Fields(text), " "))
	dims := 0
	for strings.HasSuffix(name, "]") {
		i := strings.LastIndexByte(name, '[')
		if i < 0 {
			return 0, missing
		}
		name, dims = strings.TrimSpace(name[:i]), dims+1
	}
	if open := strings.IndexByte(name, '('); open >= 0 {
		end := strings.IndexByte(name, ')')
		if end < open {
			return 0, missing
		}
		name = strings.TrimSpace(name[:open]) + name[end+1:]
	}
	t := types.LookupName("", name)
	if t == nil {
		parts, err := splitName(name)
		if err != nil {
			return 0, missing
		}
		schema := ""
		if len(parts) > 1 {
			schema = parts[len(parts)-2]
		}
		t = types.LookupName(schema, parts[len(parts)-1])
	}
	switch {
	case t == nil:
		return 0, missing
	case dims == 0:
		return t.OID, nil
	case t.Array == 0:
		return 0, missing
	}
	return t.Array, nil
}

func functionByName(text, name string) (types.OID, error) {
	names, oids := functionNames()
	list := slices.Clone(oids[name])
	for _, f := range funcs.Lookup("", name) {
		if names[f.OID] == "" {
			list = append(list, f.OID)
		}
	}
	switch len(list) {
	case 0:
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", text)
	case 1:
		return list[0], nil
	}
	return 0, sqlerr.New(sqlerr.AmbiguousFunction, "more than one function named \"%s\"", text)
}

// functionBySignature reads name(type,type).
func functionBySignature(text string) (types.OID, error) {
	open := strings.IndexByte(text, '(')
	if open < 0 || !strings.HasSuffix(strings.TrimSpace(text), ")") {
		return 0, sqlerr.New(sqlerr.InvalidTextRepresentation, "expected a left parenthesis")
	}
	parts, err := splitName(text[:open])
	if err != nil {
		return 0, err
	}
	args, err := typesByName(strings.TrimSuffix(strings.TrimSpace(text[open+1:]), ")"))
	if err != nil {
		return 0, err
	}
	for _, f := range funcs.Lookup("", parts[len(parts)-1]) {
		if slices.Equal(f.Args, args) {
			return f.OID, nil
		}
	}
	return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", text)
}

func typesByName(list string) (out []types.OID, err error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(name), "none") {
			out = append(out, 0)
			continue
		}
		oid, err := typeByName(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		out = append(out, oid)
	}
	return out, nil
}

// operatorByName reads a symbol, or symbol(left,right) for regoperator.
func operatorByName(typ types.OID, text string) (types.OID, error) {
	symbol, list, _ := strings.Cut(strings.TrimSpace(text), "(")
	symbol = symbol[strings.LastIndexByte(symbol, '.')+1:]
	var matches []*funcs.Operator
	args, err := typesByName(strings.TrimSuffix(list, ")"))
	if err != nil {
		return 0, err
	}
	for _, o := range funcs.Operators() {
		if o.Name == symbol && (typ == types.RegoperOID || slices.Equal(args, []types.OID{o.Left, o.Right})) {
			matches = append(matches, o)
		}
	}
	switch len(matches) {
	case 0:
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", text)
	case 1:
		return matches[0].OID, nil
	}
	return 0, sqlerr.New(sqlerr.AmbiguousFunction, "more than one operator named %s", text)
}
