package types

// CastContext is pg_cast.castcontext: where a cast may happen unasked.
type CastContext byte

// The cast contexts, from the strictest to the freest.
const (
	CastExplicit   CastContext = 'e'
	CastAssignment CastContext = 'a'
	CastImplicit   CastContext = 'i'
)

// Cast turns values of one type into another: one row of pg_cast. A cast whose
// Kernel is nil relabels: both types share an Arrow type (binary coercible).
// Casts through text (I/O conversion) are not rows; Find… callers fall back to
// them as Postgres does (explicitly to and from strings).
type Cast struct {
	Source, Target OID
	Context        CastContext
	// Method is pg_cast.castmethod: f for a function, b for binary coercible, i
	// for input and output functions. Some b casts have a Kernel here, because
	// their types differ in Arrow (int4 and oid).
	Method byte
	// Kernel takes the value as its only argument and fits it to no modifier;
	// Type.Coerce does that afterwards.
	Kernel Kernel
	// KernelFor, where it is set, makes the kernel of a cast to a modifier that
	// is more than a fit afterwards: bit(8) of an integer has its low 8 bits.
	KernelFor func(mod int32) Kernel
}

// KernelTo returns the kernel of a cast to a type with modifier mod; nil when
// the cast relabels.
func (c *Cast) KernelTo(mod int32) Kernel {
	if c.KernelFor != nil && mod != NoMod {
		return c.KernelFor(mod)
	}
	return c.Kernel
}

type castKey struct{ source, target OID }

var (
	casts    = map[castKey]*Cast{}
	allCasts []*Cast
)

func registerCast(c *Cast) {
	key := castKey{c.Source, c.Target}
	if casts[key] != nil {
		panic("types: cast registered twice")
	}
	casts[key] = c
	allCasts = append(allCasts, c)
}

// FindCast returns the registered cast from source to target, or nil.
func FindCast(source, target OID) *Cast { return casts[castKey{source, target}] }

// Casts returns every registered cast, in order of registration.
func Casts() []*Cast { return allCasts }
