package funcs

// PhraseArgs prints the arguments of a call for Phrase.
type PhraseArgs interface {
	// Arg prints argument i, Operand prints it so that an operator may follow.
	Arg(i int) string
	Operand(i int) string
	// Word is argument i where it is a constant that stands as a bare word; ""
	// for others.
	Word(i int) string
	// IsText says whether argument i is a string.
	IsText(i int) bool
}

// Phrase prints a call of n arguments that was written in SQL's own words, as
// EXTRACT(year FROM d), the way Postgres prints it; "" when the function has no
// such form.
func Phrase(name string, n int, a PhraseArgs) string {
	switch {
	case name == "timezone" && n == 2:
		return "(" + a.Operand(1) + " AT TIME ZONE " + a.Operand(0) + ")"
	case name == "overlaps" && n == 4:
		return "((" + a.Arg(0) + ", " + a.Arg(1) + ") OVERLAPS (" + a.Arg(2) + ", " + a.Arg(3) + "))"
	case name == "extract" && n == 2 && a.Word(0) != "":
		return "EXTRACT(" + a.Word(0) + " FROM " + a.Arg(1) + ")"
	case name == "is_normalized" && n == 1:
		return "(" + a.Operand(0) + " IS NORMALIZED)"
	case name == "is_normalized" && n == 2 && a.Word(1) != "":
		return "(" + a.Operand(0) + " IS " + a.Word(1) + " NORMALIZED)"
	case name == "normalize" && n == 1:
		return "NORMALIZE(" + a.Arg(0) + ")"
	case name == "normalize" && n == 2 && a.Word(1) != "":
		return "NORMALIZE(" + a.Arg(0) + ", " + a.Word(1) + ")"
	case name == "position" && n == 2:
		return "POSITION((" + a.Arg(1) + ") IN (" + a.Arg(0) + "))"
	case name == "overlay" && n == 3:
		return "OVERLAY(" + a.Arg(0) + " PLACING " + a.Arg(1) + " FROM " + a.Arg(2) + ")"
	case name == "overlay" && n == 4:
		return "OVERLAY(" + a.Arg(0) + " PLACING " + a.Arg(1) + " FROM " + a.Arg(2) + " FOR " + a.Arg(3) + ")"
	case name == "substring" && n == 2:
		return "SUBSTRING(" + a.Arg(0) + " FROM " + a.Arg(1) + ")"
	case name == "substring" && n == 3 && a.IsText(2):
		return "SUBSTRING(" + a.Arg(0) + " SIMILAR " + a.Arg(1) + " ESCAPE " + a.Arg(2) + ")"
	case name == "substring" && n == 3:
		return "SUBSTRING(" + a.Arg(0) + " FROM " + a.Arg(1) + " FOR " + a.Arg(2) + ")"
	case name == "btrim":
		return trimPhrase("BOTH", n, a)
	case name == "ltrim":
		return trimPhrase("LEADING", n, a)
	case name == "rtrim":
		return trimPhrase("TRAILING", n, a)
	}
	return ""
}

func trimPhrase(side string, n int, a PhraseArgs) string {
	if n == 2 {
		side += " " + a.Arg(1)
	}
	return "TRIM(" + side + " FROM " + a.Arg(0) + ")"
}

// IsWord says whether text can stand in a phrase as a bare word.
func IsWord(text string) bool {
	for i := range len(text) {
		if c := text[i] | 0x20; (c < 'a' || c > 'z') && text[i] != '_' {
			return false
		}
	}
	return text != ""
}
