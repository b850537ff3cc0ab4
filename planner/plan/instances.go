package plan

import "sync"

// instancesMax is how many idle instances of a statement are kept.
const instancesMax = 4

// Instances keeps the operator trees of finished executions of a statement for
// the next ones, so that a prepared statement is instantiated once. What they
// are is the executor's affair. The zero value is empty; sessions may share it.
type Instances struct {
	mu   sync.Mutex // guards free
	free []any
}

// Get takes an idle instance, or nil.
func (i *Instances) Get() any {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := len(i.free)
	if n == 0 {
		return nil
	}
	v := i.free[n-1]
	i.free[n-1] = nil
	i.free = i.free[:n-1]
	return v
}

// Put gives an instance back.
func (i *Instances) Put(v any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.free) < instancesMax {
		i.free = append(i.free, v)
	}
}
