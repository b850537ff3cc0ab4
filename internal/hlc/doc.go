// Package hlc is the clock of commits: hybrid logical timestamps of 46 bits of
// milliseconds since 1970 and 18 bits of counter, after Kulkarni et al.,
// "Logical Physical Clocks" (2014). A Source hands out strictly increasing
// timestamps, also over restarts: the caller persists a bound ahead of use.
package hlc
