package storage

// A shard whose segments cannot all be read, for a manifest or a delta log is missing
// or corrupt, is damaged: it fails the statements that need it, and nothing else.
// What is wrong is looked at again when the server starts.

// noteDamage sets a shard aside.
func (e *Engine) noteDamage(s *shard, err error) {
	if s.damage == nil {
		s.damage = err
		e.damaged = true
		e.logger.Error("a shard cannot be read", "shard", s.group(), "error", err)
	}
}

// damage is that of a shard that has been written to; nil if there is none. p may be
// nil.
func (p *privateWrites) damage() error {
	if p == nil || !p.e.damaged {
		return nil
	}
	for key := range p.shards {
		if s := p.e.findShard(key); s != nil && s.damage != nil {
			return s.damage
		}
	}
	return nil
}
