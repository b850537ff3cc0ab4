package session

import (
	"context"
	"sync/atomic"

	"quiver/catalog"
	"quiver/sql/types"
)

// copyProgress is a row of pg_stat_progress_copy.
type copyProgress struct {
	relation              catalog.OID // 0 for COPY (SELECT …) TO
	from                  bool
	kind                  string // FILE or PIPE
	bytes, total          atomic.Int64
	processed, leftByCond atomic.Int64
}

// showProgress shows p until the function it returns is called.
func (s *Session) showProgress(p *copyProgress) (done func()) {
	s.activity.update(func(now *activityState) { now.copy = p })
	return func() { s.activity.update(func(now *activityState) { now.copy = nil }) }
}

func (c *Config) fillCopyProgress(_ context.Context, _ catalog.View, _ types.Session, add func(values ...any)) error {
	for _, s := range c.backends.all() {
		p := s.activity.read().copy
		if p == nil {
			continue
		}
		command := "COPY TO"
		if p.from {
			command = "COPY FROM"
		}
		add(s.pid, s.database.OID, s.database.Name, p.relation, command, p.kind, p.bytes.Load(), p.total.Load(), p.processed.Load(), p.leftByCond.Load())
	}
	return nil
}
