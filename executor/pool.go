package executor

import "sync"

// pool lends what one goroutine at a time may use: the evaluators of a
// condition, of which parallel scanners need a set each.
type pool[T any] struct {
	make func() (T, error)

	mu   sync.Mutex // guards free
	free []T
}

// fill makes the first, to see that it can be made.
func (p *pool[T]) fill() error {
	first, err := p.make()
	if err == nil {
		p.giveBack(first)
	}
	return err
}

func (p *pool[T]) acquire() (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		e := p.free[n-1]
		p.free = p.free[:n-1]
		return e, nil
	}
	return p.make()
}

func (p *pool[T]) giveBack(e T) {
	p.mu.Lock()
	p.free = append(p.free, e)
	p.mu.Unlock()
}
