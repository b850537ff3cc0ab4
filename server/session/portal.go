package session

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/server/pgwire"
	"quiver/sql/sqlerr"
)

// portal is a statement that is bound to parameters and may have begun.
type portal struct {
	name     string
	text     string
	made     time.Time
	prepared *prepared
	params   []arrow.Array
	columns  []pgwire.Column
	formats  []int16
	encoder  *pgwire.RowEncoder

	// exec is nil until the first Execute.
	exec execution
	// batch is what exec returned last, from row at on.
	batch arrow.Record
	at    int
	// done: exec has no more rows.
	done bool
	// level is how many savepoints there were when the portal was made: a rollback to
	// one of them leaves it open.
	level int
	// failed: an error ended it while it ran.
	failed bool
	// sent counts the rows of this Execute.
	sent int64
	// cursor is set for portals made by DECLARE.
	cursor *cursor
}

// close releases what the portal holds. It may be called twice.
func (p *portal) close() {
	if p.batch != nil {
		p.batch.Release()
		p.batch = nil
	}
	if p.exec != nil {
		p.exec.close()
		p.exec = nil
	}
	for _, a := range p.params {
		a.Release()
	}
	p.params = nil
	if p.cursor != nil {
		p.cursor.close()
	}
}

// advance makes sure that p.batch holds a row to read; false at the end.
func (p *portal) advance(ctx context.Context) (bool, error) {
	for {
		if p.batch != nil {
			if p.at < int(p.batch.NumRows()) {
				return true, nil
			}
			p.batch.Release()
			p.batch = nil
		}
		if p.done {
			return false, nil
		}
		rec, err := p.exec.next(ctx)
		if err != nil {
			return false, err
		}
		if rec == nil {
			p.done = true
			return false, nil
		}
		p.batch, p.at = rec, 0
	}
}

// sendRows sends rows of a portal, at most limit (0: all), and says whether it
// stopped at the limit. The socket paces it: a client that does not read stops
// the query here.
func (s *Session) sendRows(ctx context.Context, p *portal, limit int) (suspended bool, err error) {
	format := s.format(s.view())
	for {
		more, err := p.advance(ctx)
		if err != nil || !more {
			return false, err
		}
		columns, n := p.batch.Columns(), int(p.batch.NumRows())
		for p.at < n {
			if len(p.columns) > 0 || p.encoder != nil {
				if err := s.conn.Row(p.encoder, columns, p.at, format); err != nil {
					return false, err
				}
			}
			p.at++
			p.sent++
			if p.sent == int64(limit) {
				return true, nil
			}
		}
	}
}

// closePortal drops a portal; one that is not there is no error.
func (s *Session) closePortal(name string) {
	if p := s.portals[name]; p != nil {
		delete(s.portals, name)
		p.close()
	}
}

// fail ends a portal that ran into an error: it may outlive the error, by a rollback to
// a savepoint, but cannot go on.
func (p *portal) fail() {
	p.failed = true
	p.close()
}

// cannotRun is the error of running a portal that failed or is done.
func (p *portal) cannotRun() error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, `portal "%s" cannot be run`, p.name)
}

// dropPortalsFrom drops the portals that were made since there were so many savepoints.
func (s *Session) dropPortalsFrom(level int) {
	for name, p := range s.portals {
		if p.level >= level && (p.cursor == nil || !p.cursor.held) {
			delete(s.portals, name)
			p.close()
		}
	}
}

// dropPortals drops the portals at the end of a transaction: all but held
// cursors, or those too.
func (s *Session) dropPortals(held bool) {
	for name, p := range s.portals {
		if held || p.cursor == nil || !p.cursor.held {
			delete(s.portals, name)
			p.close()
		}
	}
}
