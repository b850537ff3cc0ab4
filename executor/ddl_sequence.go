package executor

import (
	"context"
	"math"
	"strconv"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// createOwnedSequence makes the sequence of a serial or identity column of a
// table that has its OID.
func (d *ddl) createOwnedSequence(ctx context.Context, table *catalog.Table, owned ownedSequence) error {
	col := &table.Columns[owned.column]
	s, err := d.newSequence(ctx, owned.typ, owned.options)
	if err != nil {
		return err
	}
	s.Name = d.relationName(table.Schema, table.Name, col.Name, "seq")
	s.Schema, s.Database = table.Schema, table.Database
	s.OwnerTable, s.OwnerColumn = table.OID, col.Number
	if err := d.catalog().Put(s); err != nil {
		return err
	}
	col.Sequence = s.OID
	if owned.serial {
		col.Default = d.nextvalText(s)
	}
	return nil
}

// nextvalText is the default of a serial column.
func (d *ddl) nextvalText(s *catalog.Sequence) string {
	return "nextval(" + d.sequenceText(s) + ")"
}

// sequenceText is how the defaults that the catalog keeps name a sequence.
func (d *ddl) sequenceText(s *catalog.Sequence) string {
	return literal(d.qualified(s.Schema, s.Name)) + "::regclass"
}

func (d *ddl) newSequence(ctx context.Context, typ types.OID, options []*ast.Option) (*catalog.Sequence, error) {
	oid, err := d.catalog().NewOID(ctx)
	if err != nil {
		return nil, err
	}
	s := &catalog.Sequence{Object: catalog.Object{OID: oid}, Type: typ, Increment: 1, Cache: 1}
	o, err := readSequenceOptions(options)
	if err != nil {
		return nil, err
	}
	return s, o.apply(s, true)
}

func (d *ddl) createSequence(ctx context.Context, n *ast.CreateSequenceStmt) error {
	if n.Name.Persistence == 't' {
		return sqlerr.New(sqlerr.FeatureNotSupported, "temporary sequences are not supported").At(n.Name.Position())
	}
	schema, err := d.creationSchema(n.Name)
	if err != nil {
		return err
	}
	if err := d.lockName(ctx, schema.OID, n.Name.Name); err != nil {
		return err
	}
	if d.catalog().Relation(schema.OID, n.Name.Name) != nil {
		if n.IfNotExists {
			d.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(n.Name.Name))
			return nil
		}
		return duplicateRelation(n.Name.Name)
	}
	s, err := d.newSequence(ctx, types.Int8OID, n.Options)
	if err != nil {
		return err
	}
	s.Name, s.Schema, s.Database = n.Name.Name, schema.OID, d.catalog().Database().OID
	if err := d.setOwner(ctx, s, n.Options); err != nil {
		return err
	}
	return d.catalog().Put(s)
}

func (d *ddl) alterSequence(ctx context.Context, n *ast.AlterSequenceStmt) error {
	rel, err := d.lockRelation(ctx, n.Name, storage.LockShareRowExclusive)
	if err != nil {
		return err
	}
	s, ok := rel.(*catalog.Sequence)
	switch {
	case rel == nil && n.IfExists:
		d.notice(sqlerr.SuccessfulCompletion, "relation %s does not exist, skipping", quoted(n.Name.Name))
		return nil
	case rel == nil:
		return noRelation(n.Name)
	case !ok:
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not a sequence", quoted(n.Name.Name))
	}
	return d.changeSequence(ctx, s, n.Options)
}

// changeSequence applies the options of ALTER SEQUENCE to a sequence that is locked.
func (d *ddl) changeSequence(ctx context.Context, s *catalog.Sequence, options []*ast.Option) error {
	o, err := readSequenceOptions(options)
	if err != nil {
		return err
	}
	fresh := *s
	if err := o.apply(&fresh, false); err != nil {
		return err
	}
	if err := d.setOwner(ctx, &fresh, options); err != nil {
		return err
	}
	if o.restart {
		value := fresh.Start
		if o.restartAt != nil {
			value = *o.restartAt
		}
		if value < fresh.Min {
			return sqlerr.New(sqlerr.InvalidParameterValue, "RESTART value (%d) cannot be less than MINVALUE (%d)", value, fresh.Min)
		}
		if value > fresh.Max {
			return sqlerr.New(sqlerr.InvalidParameterValue, "RESTART value (%d) cannot be greater than MAXVALUE (%d)", value, fresh.Max)
		}
		return d.catalog().RestartSequence(&fresh, value)
	}
	return d.catalog().Put(&fresh)
}

// setOwner applies OWNED BY.
func (d *ddl) setOwner(ctx context.Context, s *catalog.Sequence, options []*ast.Option) error {
	for _, o := range options {
		if o.Name != "owned_by" {
			continue
		}
		if len(o.Names) == 1 && o.Names[0] == "none" {
			if err := d.notOfIdentity(s); err != nil {
				return err
			}
			s.OwnerTable, s.OwnerColumn = 0, 0
			continue
		}
		if len(o.Names) < 2 {
			return sqlerr.New(sqlerr.SyntaxError, "invalid OWNED BY option").
				WithHint("Specify OWNED BY table.column or OWNED BY NONE.")
		}
		r := &ast.RangeVar{Name: o.Names[len(o.Names)-2]}
		if len(o.Names) > 2 {
			r.Schema = o.Names[len(o.Names)-3]
		}
		table, err := d.lockTable(ctx, r, storage.LockAccessShare)
		if err != nil {
			return err
		}
		column := columnNamed(table, o.Names[len(o.Names)-1])
		if column == nil {
			return noColumn(o.Names[len(o.Names)-1], table.Name)
		}
		if table.Schema != s.Schema {
			return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "sequence must be in same schema as table it is linked to")
		}
		if err := d.notOfIdentity(s); err != nil {
			return err
		}
		s.OwnerTable, s.OwnerColumn = table.OID, column.Number
	}
	return nil
}

// notOfIdentity refuses OWNED BY of the sequence of an identity column.
func (d *ddl) notOfIdentity(s *catalog.Sequence) error {
	if s.OwnerTable == 0 {
		return nil
	}
	table := d.catalog().Table(s.OwnerTable)
	if c := columnByNumber(table, s.OwnerColumn); c == nil || c.Identity == 0 || c.Sequence != s.OID {
		return nil
	}
	return sqlerr.New(sqlerr.FeatureNotSupported, "cannot change ownership of identity sequence").
		WithDetail("Sequence %s is linked to table %s.", quoted(s.Name), quoted(table.Name))
}

func noColumn(column, table string) *sqlerr.Error {
	return sqlerr.New(sqlerr.UndefinedColumn, "column %s of relation %s does not exist", quoted(column), quoted(table))
}

// sequenceOptions are those written; nil: not.
type sequenceOptions struct {
	typ                     types.OID
	increment, start, cache *int64
	min, max                *int64
	resetMin, resetMax      bool
	cycle                   *bool
	restart                 bool
	restartAt               *int64
}

func readSequenceOptions(options []*ast.Option) (*sequenceOptions, error) {
	out := &sequenceOptions{}
	seen := map[string]bool{}
	for _, o := range options {
		if seen[o.Name] {
			return nil, sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(o.Position())
		}
		seen[o.Name] = true
		if err := out.read(o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (out *sequenceOptions) read(o *ast.Option) error {
	var err error
	switch o.Name {
	case "as":
		c, _ := o.Value.(*ast.Const)
		typ := types.ByName(c.Text)
		if typ == nil {
			return sqlerr.New(sqlerr.UndefinedObject, "type %s does not exist", quoted(c.Text)).At(o.Position())
		}
		if typ.OID != types.Int2OID && typ.OID != types.Int4OID && typ.OID != types.Int8OID {
			return sqlerr.New(sqlerr.InvalidParameterValue, "sequence type must be smallint, integer, or bigint").At(o.Position())
		}
		out.typ = typ.OID
	case "increment":
		out.increment, err = optionInt(o)
	case "start":
		out.start, err = optionInt(o)
	case "cache":
		out.cache, err = optionInt(o)
	case "minvalue":
		out.min, err = optionInt(o)
		out.resetMin = out.min == nil
	case "maxvalue":
		out.max, err = optionInt(o)
		out.resetMax = out.max == nil
	case "cycle":
		c, _ := o.Value.(*ast.Const)
		v := c == nil || c.Text == "true"
		out.cycle = &v
	case "restart":
		out.restart = true
		out.restartAt, err = optionInt(o)
	case "owned_by":
	default:
		return sqlerr.Unsupported("sequence option %s", quoted(o.Name)).At(o.Position())
	}
	return err
}

func optionInt(o *ast.Option) (*int64, error) {
	if o.Value == nil {
		return nil, nil
	}
	c, ok := o.Value.(*ast.Const)
	if !ok {
		return nil, sqlerr.New(sqlerr.SyntaxError, "%s requires an integer value", o.Name).At(o.Position())
	}
	v, err := strconv.ParseInt(c.Text, 10, 64)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bigint: %s", quoted(c.Text)).At(o.Position())
	}
	return &v, nil
}

// sequenceRange is the range of a sequence type.
func sequenceRange(t types.OID) (low, high int64) {
	switch t {
	case types.Int2OID:
		return math.MinInt16, math.MaxInt16
	case types.Int4OID:
		return math.MinInt32, math.MaxInt32
	}
	return math.MinInt64, math.MaxInt64
}

// apply changes a sequence by options and checks what comes out.
func (o *sequenceOptions) apply(s *catalog.Sequence, isNew bool) error {
	resetMin, resetMax := o.resetMin || isNew, o.resetMax || isNew
	if o.typ != 0 && o.typ != s.Type {
		// Bounds that were the old type's become the new one's.
		low, high := sequenceRange(s.Type)
		resetMin = resetMin || s.Min == low
		resetMax = resetMax || s.Max == high
		s.Type = o.typ
	}
	if o.increment != nil {
		if *o.increment == 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "INCREMENT must not be zero")
		}
		s.Increment = *o.increment
	}
	if o.cycle != nil {
		s.Cycle = *o.cycle
	}
	if err := o.applyBounds(s, resetMin, resetMax); err != nil {
		return err
	}
	switch {
	case o.start != nil:
		s.Start = *o.start
	case isNew && s.Increment > 0:
		s.Start = s.Min
	case isNew:
		s.Start = s.Max
	}
	if s.Start < s.Min {
		return sqlerr.New(sqlerr.InvalidParameterValue, "START value (%d) cannot be less than MINVALUE (%d)", s.Start, s.Min)
	}
	if s.Start > s.Max {
		return sqlerr.New(sqlerr.InvalidParameterValue, "START value (%d) cannot be greater than MAXVALUE (%d)", s.Start, s.Max)
	}
	if o.cache != nil {
		if *o.cache <= 0 {
			return sqlerr.New(sqlerr.InvalidParameterValue, "CACHE (%d) must be greater than zero", *o.cache)
		}
		s.Cache = *o.cache
	}
	return nil
}

func (o *sequenceOptions) applyBounds(s *catalog.Sequence, resetMin, resetMax bool) error {
	low, high := sequenceRange(s.Type)
	name := types.ByOID(s.Type).SQLName
	switch {
	case o.max != nil:
		s.Max = *o.max
	case resetMax && s.Increment > 0:
		s.Max = high
	case resetMax:
		s.Max = -1
	}
	if s.Max > high || s.Max < low {
		return sqlerr.New(sqlerr.InvalidParameterValue, "MAXVALUE (%d) is out of range for sequence data type %s", s.Max, name)
	}
	switch {
	case o.min != nil:
		s.Min = *o.min
	case resetMin && s.Increment > 0:
		s.Min = 1
	case resetMin:
		s.Min = low
	}
	if s.Min > high || s.Min < low {
		return sqlerr.New(sqlerr.InvalidParameterValue, "MINVALUE (%d) is out of range for sequence data type %s", s.Min, name)
	}
	if s.Min >= s.Max {
		return sqlerr.New(sqlerr.InvalidParameterValue, "MINVALUE (%d) must be less than MAXVALUE (%d)", s.Min, s.Max)
	}
	return nil
}
