package binlog

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrUnsupportedType: an Arrow type that the format has no code for.
var ErrUnsupportedType = errors.New("binlog: unsupported Arrow type")

// CorruptionError says that bytes read back are not what was written.
type CorruptionError struct {
	// Object names the file, as given to Open.
	Object string
	// Offset is where the damaged part begins.
	Offset int64
	Reason string
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("corrupt data in %q at offset %d: %s", e.Object, e.Offset, e.Reason)
}

// Guard runs f and turns a fault on a mapped page (the file shrank, or the
// disk cannot read it) into a *CorruptionError. Code that touches the arrays of
// a mapped file for the first time runs under it. Other panics pass through.
func Guard(object string, f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface {
			error
			Addr() uintptr
		}); ok {
			err = &CorruptionError{Object: object, Reason: "mapped page cannot be read: " + fault.Error()}
			return
		}
		panic(r)
	}()
	return f()
}
