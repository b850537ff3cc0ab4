package types

// What readers of other formats check of values that they hold as numbers.

// ValidTimestamp says whether micros since 1970 are a timestamp that can be held,
// the infinities included.
func ValidTimestamp(micros int64) bool {
	return micros == TimestampInfinity || micros == TimestampNegativeInfinity || timestampInRange(micros) && micros/microsPerDay < timestampDayMax
}

// ValidDate says the same of days since 1970.
func ValidDate(days int64) bool {
	return days == DateInfinity || days == DateNegativeInfinity || dateInRange(days)
}

// RoundTimestamp rounds a timestamp to the precision of a modifier.
func RoundTimestamp(micros int64, mod int32) int64 {
	if micros == TimestampInfinity || micros == TimestampNegativeInfinity {
		return micros
	}
	return roundTimestamp(micros, mod)
}
