package funcs

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("version()", Lift0(func(c *types.EvalContext) (string, error) {
		v, _ := c.Session.Setting("server_version")
		return fmt.Sprintf("PostgreSQL %s (Quiver) on %s-%s, compiled by %s, 64-bit", v, runtime.GOARCH, runtime.GOOS, runtime.Version()), nil
	}))
	kernel("current_database()", Lift0(func(c *types.EvalContext) (string, error) { return c.Session.Database(), nil }))
	kernels("current_user() getpgusername()", Lift0(func(c *types.EvalContext) (string, error) { return c.Session.CurrentUser(), nil }))
	kernel("session_user()", Lift0(func(c *types.EvalContext) (string, error) { return c.Session.SessionUser(), nil }))
	kernel("pg_backend_pid()", Lift0(func(c *types.EvalContext) (int32, error) { return c.Session.BackendPID(), nil }))
	kernels("pg_client_encoding() getdatabaseencoding()", Lift0(func(*types.EvalContext) (string, error) { return "UTF8", nil }))
	kernel("pg_export_snapshot()", Lift0(func(c *types.EvalContext) (string, error) {
		s, ok := c.Session.(interface {
			ExportSnapshot(ctx context.Context) (string, error)
		})
		if !ok {
			return "", sqlerr.Unsupported("pg_export_snapshot in this process")
		}
		return s.ExportSnapshot(c.Ctx)
	}))
	kernel("pg_is_in_recovery()", Lift0(func(*types.EvalContext) (bool, error) { return false, nil }))

	kernel("current_setting(text)", Lift1C(func(c *types.EvalContext, name string) (string, error) {
		return currentSetting(c, name, false)
	}))
	kernel("current_setting(text,bool)", Lift2C(currentSetting))
	kernel("set_config(text,text,bool)", setConfig)

	kernel("nextval(regclass)", Lift1C(func(c *types.EvalContext, sequence uint32) (int64, error) {
		return c.Session.NextVal(c.Ctx, types.OID(sequence))
	}))
	kernel("currval(regclass)", Lift1C(func(c *types.EvalContext, sequence uint32) (int64, error) {
		return c.Session.CurrVal(types.OID(sequence))
	}))
	kernel("setval(regclass,int8)", Lift2C(func(c *types.EvalContext, sequence uint32, v int64) (int64, error) {
		return v, c.Session.SetVal(c.Ctx, types.OID(sequence), v, true)
	}))
	kernel("setval(regclass,int8,bool)", Lift3C(func(c *types.EvalContext, sequence uint32, v int64, called bool) (int64, error) {
		return v, c.Session.SetVal(c.Ctx, types.OID(sequence), v, called)
	}))
	kernel("lastval()", Lift0(func(c *types.EvalContext) (int64, error) { return c.Session.LastVal() }))

	kernel("gen_random_uuid()", Lift0(func(*types.EvalContext) (u uuid, err error) {
		if _, err := rand.Read(u[:]); err != nil {
			return u, sqlerr.Wrap(err, sqlerr.InternalError, "could not generate random values")
		}
		u[6] = u[6]&0x0f | 0x40 // version 4
		u[8] = u[8]&0x3f | 0x80 // the variant of RFC 4122
		return u, nil
	}))
	kernel("pg_sleep(float8)", func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		seconds := open[float64](args[0])
		for i := range n {
			if seconds.isNull(i) {
				continue
			}
			if err := sleep(c, seconds.get(i)); err != nil {
				return nil, err
			}
		}
		return types.NullArray(types.Of(types.VoidOID), c.Mem, n), nil
	})
	kernel("pg_size_pretty(int8)", Lift1(sizePretty))
	kernel("pg_size_pretty(numeric)", Lift1E(sizePrettyNumeric))
	kernel("pg_size_bytes(text)", Lift1E(sizeBytes))
}

// currentSetting is current_setting(name, missing_ok).
func currentSetting(c *types.EvalContext, name string, missingOK bool) (string, error) {
	v, ok := c.Session.Setting(name)
	if ok {
		return v, nil
	}
	if missingOK {
		return "", null
	}
	return "", sqlerr.New(sqlerr.UndefinedObject, "unrecognized configuration parameter \"%s\"", name)
}

// setConfig is not strict: a null value resets the setting.
func setConfig(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	name, value, local := open[string](args[0]), open[string](args[1]), open[bool](args[2])
	return fill(c, nil, n, func(i int) (string, error) {
		if name.isNull(i) {
			return "", sqlerr.New(sqlerr.NullValueNotAllowed, "SET requires parameter name")
		}
		v := ""
		if !value.isNull(i) {
			v = value.get(i)
		}
		isLocal := !local.isNull(i) && local.get(i)
		if err := c.Session.SetSetting(name.get(i), v, isLocal); err != nil {
			return "", err
		}
		return currentSetting(c, name.get(i), false)
	})
}

// sleep ends early when the statement is cancelled.
func sleep(c *types.EvalContext, seconds float64) error {
	if !(seconds > 0) {
		return nil
	}
	t := time.NewTimer(time.Duration(min(seconds, 1e9) * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.Ctx.Done():
		return c.Ctx.Err()
	}
}

// sizeUnits are the units of pg_size_pretty with the size up to which the one
// before is shown.
var sizeUnits = []struct {
	name  string
	shift uint
}{{"bytes", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}, {"TB", 40}, {"PB", 50}}

// sizePretty shows up to five digits, rounding half away from zero.
func sizePretty(size int64) string {
	limit := int64(10 * 1024)
	if size < limit && size > -limit {
		return fmt.Sprintf("%d bytes", size)
	}
	// Twice the size in each unit, so that one bit is left to round by.
	limit = 20*1024 - 1
	half := size >> 9
	if size < 0 {
		half = -(-size >> 9)
	}
	for k := 1; ; k++ {
		if half < limit && half > -limit || k == len(sizeUnits)-1 {
			if half > 0 {
				half++
			} else {
				half--
			}
			return fmt.Sprintf("%d %s", half/2, sizeUnits[k].name)
		}
		half /= 1024
	}
}

func sizePrettyNumeric(size types.Numeric) (string, error) {
	if !size.IsFinite() {
		return size.String() + " bytes", nil
	}
	limit, unit := types.NumericFromInt64(10*1024), types.NumericFromInt64(1024)
	if size.Abs().Cmp(limit) < 0 {
		return size.String() + " bytes", nil
	}
	half, err := size.QuoInt(types.NumericFromInt64(512))
	if err != nil {
		return "", err
	}
	limit = types.NumericFromInt64(20*1024 - 1)
	for k := 1; ; k++ {
		if half.Abs().Cmp(limit) < 0 || k == len(sizeUnits)-1 {
			if half, err = half.Add(types.NumericFromInt64(int64(half.Sign()))); err != nil {
				return "", err
			}
			whole, err := half.QuoInt(types.NumericFromInt64(2))
			return whole.String() + " " + sizeUnits[k].name, err
		}
		if half, err = half.QuoInt(unit); err != nil {
			return "", err
		}
	}
}

func sizeBytes(text string) (int64, error) {
	s := strings.TrimSpace(text)
	end := 0
	for end < len(s) && strings.ContainsRune("+-.0123456789", rune(s[end])) {
		end++
	}
	// An exponent belongs to the number only with digits behind it.
	if end < len(s) && (s[end] == 'e' || s[end] == 'E') {
		k := end + 1
		if k < len(s) && (s[k] == '+' || s[k] == '-') {
			k++
		}
		first := k
		for k < len(s) && s[k] >= '0' && s[k] <= '9' {
			k++
		}
		if k > first {
			end = k
		}
	}
	n, err := types.ParseNumeric(s[:end])
	if end == 0 || err != nil {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid size: \"%s\"", text)
	}
	unit := strings.TrimSpace(s[end:])
	if unit == "" {
		unit = "bytes"
	}
	if strings.EqualFold(unit, "B") {
		unit = "bytes"
	}
	for _, u := range sizeUnits {
		if strings.EqualFold(unit, u.name) {
			v, err := n.Mul(types.NumericFromInt64(1 << u.shift))
			if err != nil {
				return 0, err
			}
			whole := v.Round(0).Coefficient()
			if !whole.IsInt64() {
				return 0, outOfRange[int64]()
			}
			return whole.Int64(), nil
		}
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid size: \"%s\"", text).
		WithDetail("Invalid size unit: \"%s\".", unit).
		WithHint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".")
}
