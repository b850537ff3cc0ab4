package catalog

import (
	"context"
	"log/slog"
	"runtime"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// etcdLogger hands etcd's errors to log and drops the rest. Where etcd would
// end the process, only the goroutine that met the error ends, once ended, unless it
// is nil, was told why: the store is then unavailable, which callers know how to bear.
func etcdLogger(log *slog.Logger, ended func(reason string)) *zap.Logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	hook := endHook(ended)
	return zap.New(&slogCore{log: log}, zap.WithFatalHook(hook), zap.WithPanicHook(hook))
}

// endHook ends the goroutine that logs.
type endHook func(reason string)

func (h endHook) OnWrite(ce *zapcore.CheckedEntry, fields []zapcore.Field) {
	if h != nil {
		reason := ce.Message
		for _, f := range fields {
			if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
				reason += ": " + err.Error()
			}
		}
		h(reason)
	}
	runtime.Goexit()
}

// slogCore is a zapcore.Core over a slog.Logger.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

func (*slogCore) Enabled(l zapcore.Level) bool { return l >= zapcore.ErrorLevel }

func (c *slogCore) With(fields []zapcore.Field) zapcore.Core {
	return &slogCore{c.log, append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

// unworthy are errors that etcd cures itself: it tries again once its first
// snapshot of a new directory is there.
var unworthy = map[string]bool{"failed to update storage version": true}

func (c *slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) && !unworthy[e.Message] {
		return ce.AddCore(e, c)
	}
	return ce
}

func (c *slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(values)
	}
	c.log.LogAttrs(context.Background(), slog.LevelError, "etcd: "+e.Message, slog.Any("fields", values.Fields))
	return nil
}

func (*slogCore) Sync() error { return nil }
