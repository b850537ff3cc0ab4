package main

import (
	"strconv"
	"time"

	"quiver/sql/settings"
)

// retention is a flag with the value of the setting quiver.gc_retention.
type retention time.Duration

func (r *retention) setting() *settings.Setting { return settings.Lookup("quiver.gc_retention") }

// String is the value as SHOW prints it.
func (r *retention) String() string {
	shown, err := r.setting().Normalise(strconv.FormatInt(time.Duration(*r).Milliseconds(), 10))
	if err != nil {
		return time.Duration(*r).String()
	}
	return shown
}

// Type names the flag's type in the help.
func (*retention) Type() string { return "duration" }

// Set reads a value as SET would: 10min, 1d, or milliseconds.
func (r *retention) Set(text string) error {
	shown, err := r.setting().Normalise(text)
	if err != nil {
		return err
	}
	*r = retention(r.setting().Number(shown) * float64(time.Millisecond))
	return nil
}

// kept is what the engine takes, for which 0 is not none but the default.
func (r *retention) kept() time.Duration { return max(time.Duration(*r), 1) }
