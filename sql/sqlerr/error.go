package sqlerr

import (
	"errors"
	"fmt"
)

// Severity of an ErrorResponse or NoticeResponse (manual chapter 55.8).
type Severity string

// The severities that Quiver sends.
const (
	SeverityError   Severity = "ERROR"
	SeverityFatal   Severity = "FATAL"
	SeverityPanic   Severity = "PANIC"
	SeverityWarning Severity = "WARNING"
	SeverityNotice  Severity = "NOTICE"
	SeverityInfo    Severity = "INFO"
	SeverityLog     Severity = "LOG"
	SeverityDebug   Severity = "DEBUG"
)

// Error is what a client sees when a statement fails: the fields of an
// ErrorResponse. Build it with New and the With… methods; each With… method
// changes and returns its receiver, so use them only on an error that is not
// yet shared.
type Error struct {
	Severity Severity
	Code     Code
	Message  string
	Detail   string
	Hint     string
	// Position is the 1-based character (not byte) offset into the statement
	// text that the error is about; 0 when there is none.
	Position int
	// Context says what was being done, one line a frame ("COPY t, line 3").
	Context string
	// Schema, Table, Column, DataType and Constraint name the object.
	Schema, Table, Column, DataType, Constraint string

	cause error
}

// New returns an error of severity ERROR with a formatted message.
func New(code Code, format string, args ...any) *Error {
	e := &Error{Severity: SeverityError, Code: code}
	if len(args) == 0 {
		e.Message = format
	} else {
		e.Message = fmt.Sprintf(format, args...)
	}
	return e
}

// Wrap returns an error with the given code whose cause stays visible to
// errors.Is and errors.As.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	e := New(code, format, args...)
	e.cause = cause
	return e
}

// Unsupported is the error for what Quiver does not do yet: 0A000 and the
// feature's name.
func Unsupported(feature string, args ...any) *Error {
	return New(FeatureNotSupported, "%s is not supported", fmt.Sprintf(feature, args...))
}

// Error returns the message and its SQLSTATE.
func (e *Error) Error() string {
	return fmt.Sprintf("%s (SQLSTATE %s)", e.Message, string(e.Code))
}

// Unwrap returns the cause given to Wrap.
func (e *Error) Unwrap() error { return e.cause }

// WithDetail sets the detail line.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// WithHint sets the hint line.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At sets the position: a 1-based character offset, 0 for none.
func (e *Error) At(position int) *Error {
	e.Position = position
	return e
}

// WithTable names the schema and table that the error is about.
func (e *Error) WithTable(schema, table string) *Error {
	e.Schema, e.Table = schema, table
	return e
}

// WithColumn names the column.
func (e *Error) WithColumn(column string) *Error {
	e.Column = column
	return e
}

// WithConstraint names the constraint.
func (e *Error) WithConstraint(constraint string) *Error {
	e.Constraint = constraint
	return e
}

// WithContext adds a line of context, innermost first.
func (e *Error) WithContext(format string, args ...any) *Error {
	line := fmt.Sprintf(format, args...)
	if e.Context == "" {
		e.Context = line
	} else {
		e.Context += "\n" + line
	}
	return e
}

// CodeOf returns the SQLSTATE of err, or XX000 when err carries none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return InternalError
}
