package session

import (
	"context"

	"quiver/catalog"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// sequences remembers what nextval gave this session.
type sequences struct {
	last   map[types.OID]int64
	newest types.OID
}

func (q *sequences) keep(oid types.OID, value int64) {
	if q.last == nil {
		q.last = map[types.OID]int64{}
	}
	q.last[oid], q.newest = value, oid
}

func (s *Session) sequence(oid types.OID) (*catalog.Sequence, error) {
	r := s.view().RelationByOID(oid)
	if r == nil {
		return nil, sqlerr.New(sqlerr.UndefinedTable, "relation with OID %d does not exist", oid)
	}
	q, ok := r.(*catalog.Sequence)
	if !ok {
		return nil, sqlerr.New(sqlerr.WrongObjectType, `"%s" is not a sequence`, r.Head().Name)
	}
	return q, nil
}

// NextVal is nextval(). It is not undone by ROLLBACK.
func (s *Session) NextVal(ctx context.Context, oid types.OID) (int64, error) {
	q, err := s.sequence(oid)
	if err != nil {
		return 0, err
	}
	if err := s.writesRefused("nextval()"); err != nil {
		return 0, err
	}
	value, err := s.cfg.Catalog.NextVal(ctx, q)
	if err != nil {
		return 0, err
	}
	s.sequences.keep(oid, value)
	return value, nil
}

// CurrVal is currval().
func (s *Session) CurrVal(oid types.OID) (int64, error) {
	if value, ok := s.sequences.last[oid]; ok {
		return value, nil
	}
	q, err := s.sequence(oid)
	if err != nil {
		return 0, err
	}
	return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, `currval of sequence "%s" is not yet defined in this session`, q.Name)
}

// LastVal is lastval().
func (s *Session) LastVal() (int64, error) {
	if value, ok := s.sequences.last[s.sequences.newest]; ok {
		return value, nil
	}
	return 0, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "lastval is not yet defined in this session")
}

// SetVal is setval().
func (s *Session) SetVal(ctx context.Context, oid types.OID, value int64, called bool) error {
	q, err := s.sequence(oid)
	if err != nil {
		return err
	}
	if err := s.writesRefused("setval()"); err != nil {
		return err
	}
	if err := s.cfg.Catalog.SetVal(ctx, q, value, called); err != nil {
		return err
	}
	if called {
		s.sequences.keep(oid, value)
	}
	return nil
}
