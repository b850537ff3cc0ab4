package dataset

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Lineitem generates rows of TPC-H's table lineitem by the rules of its
// specification (4.2.3): sparse order keys in ascending order, one to seven lines
// an order, prices that follow from the part, dates that follow from the order's,
// flags that follow from the dates, and comments that are cut out of a text of its
// grammar (4.2.2.14).
type Lineitem struct {
	draw   *rand.Rand
	parts  int64 // of the scale
	text   string
	order  int64
	line   int
	lines  int
	placed time.Time
}

// LineitemColumns are its columns with the types that both PostgreSQL and Quiver
// give them.
const LineitemColumns = `l_orderkey integer NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL,
	l_linenumber integer NOT NULL, l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL,
	l_discount decimal(15,2) NOT NULL, l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL,
	l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
	l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL,
	PRIMARY KEY (l_orderkey, l_linenumber)`

const (
	lineitemSeed = 19980801
	// partsPerScale and linesPerScale are of scale factor 1.
	partsPerScale, linesPerScale = 200_000, 6_000_000
	// commentText is the length of the text that comments are cut out of.
	commentText = 16 << 20
)

// NewLineitem returns the generator of a table of so many rows or so.
func NewLineitem(rows int) *Lineitem {
	l := &Lineitem{draw: rand.New(rand.NewPCG(lineitemSeed, 0))}
	l.parts = max(int64(rows)*partsPerScale/linesPerScale, 1000)
	l.text = l.writeText(commentText)
	return l
}

var (
	firstDay  = time.Date(1992, 1, 1, 0, 0, 0, 0, time.UTC)
	orderDays = 2406 - 151 // to 1998-08-02, as far as orders go
	today     = time.Date(1995, 6, 17, 0, 0, 0, 0, time.UTC)

	instructions = []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	shipModes    = []string{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"}
)

// AppendRow appends the next row as a line of COPY's text form.
func (l *Lineitem) AppendRow(b []byte) []byte {
	if l.line == l.lines {
		l.nextOrder()
	}
	l.line++
	part := 1 + l.draw.Int64N(l.parts)
	suppliers := l.parts / 20
	supplier := (part+l.draw.Int64N(4)*(suppliers/4+(part-1)/suppliers))%suppliers + 1
	quantity := 1 + l.draw.Int64N(50)
	price := quantity * (90000 + part/10%20001 + 100*(part%1000)) // cents
	shipped := l.placed.AddDate(0, 0, 1+l.draw.IntN(121))
	committed := l.placed.AddDate(0, 0, 30+l.draw.IntN(61))
	received := shipped.AddDate(0, 0, 1+l.draw.IntN(30))
	returned, status := "N", "F"
	if !received.After(today) {
		returned = pick(l.draw, "R", "A")
	}
	if shipped.After(today) {
		status = "O"
	}
	length := 10 + l.draw.IntN(34)
	at := l.draw.IntN(len(l.text) - length)
	return fmt.Appendf(b, "%d\t%d\t%d\t%d\t%d\t%d.%02d\t0.%02d\t0.%02d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
		l.order, part, supplier, l.line, quantity, price/100, price%100, l.draw.IntN(11), l.draw.IntN(9), returned, status,
		shipped.Format(time.DateOnly), committed.Format(time.DateOnly), received.Format(time.DateOnly),
		pick(l.draw, instructions...), pick(l.draw, shipModes...), l.text[at:at+length])
}

// nextOrder begins an order: of 32 keys the first 8 are used.
func (l *Lineitem) nextOrder() {
	if l.order++; l.order%32 == 8 {
		l.order += 24
	}
	l.line, l.lines = 0, 1+l.draw.IntN(7)
	l.placed = firstDay.AddDate(0, 0, l.draw.IntN(orderDays))
}

func pick(draw *rand.Rand, from ...string) string { return from[draw.IntN(len(from))] }

// weighted are words that the grammar draws so often.
type weighted struct {
	weight int
	words  string // with commas between
}

var (
	nouns = spread(
		weighted{40, "packages,requests,accounts,deposits"}, weighted{20, "foxes,ideas,theodolites,pinto beans,instructions"},
		weighted{10, "dependencies,excuses,platelets"}, weighted{5, "asymptotes,courts,dolphins"},
		weighted{1, "multipliers,sauternes,warthogs,frets,dinos,attainments,somas,Tiresias,patterns,forges,braids,hockey players," +
			"frays,warhorses,dugouts,notornis,epitaphs,pearls,tithes,waters,orbits,gifts,sheaves,depths,sentiments,decoys,realms," +
			"pains,grouches,escapades"})
	verbs = spread(
		weighted{20, "sleep,wake,are,cajole,haggle,nag,use,boost"}, weighted{5, "affix,detect,integrate"},
		weighted{1, "maintain,nod,was,lose,sublate,solve,thrash,promise,engage,hinder,print,x-ray,breach,eat,grow,impress,mold," +
			"poach,serve,run,dazzle,snooze,doze,unwind,kindle,play,hang,believe,doubt"})
	adjectives = spread(
		weighted{50, "regular"}, weighted{40, "final,ironic"}, weighted{30, "even"}, weighted{20, "special,pending,unusual,express,bold"},
		weighted{10, "silent"},
		weighted{1, "furious,sly,careful,blithe,quick,fluffy,slow,quiet,ruthless,thin,close,dogged,daring,brave,stealthy,permanent," +
			"enticing,idle,busy"})
	adverbs = spread(
		weighted{50, "furiously,slyly,carefully"}, weighted{40, "blithely"}, weighted{30, "quickly"}, weighted{20, "fluffily"},
		weighted{1, "sometimes,always,never,slowly,quietly,ruthlessly,thinly,closely,doggedly,daringly,bravely,stealthily," +
			"permanently,enticingly,idly,busily,regularly,finally,ironically,evenly,boldly,silently"})
	prepositions = spread(
		weighted{50, "about,above,according to,across,after"}, weighted{40, "against,along"}, weighted{30, "alongside of,among"},
		weighted{20, "around"}, weighted{10, "at"},
		weighted{1, "atop,before,behind,beneath,beside,besides,between,beyond,by,despite,during,except,for,from,in place of," +
			"inside,instead of,into,near,of,on,outside,over,past,since,through,throughout,to,toward,under,until,up,upon," +
			"without,with,within"})
	auxiliaries = spread(weighted{1, "do,may,might,shall,will,would,can,could,should,ought to,must,will have to,shall have to," +
		"could have to,should have to,must have to,need to,try to"})
	terminators = spread(weighted{50, "."}, weighted{1, ";,:,?,!,--"})
)

// spread lists each word as often as its weight says.
func spread(lists ...weighted) (all []string) {
	for _, l := range lists {
		for _, w := range strings.Split(l.words, ",") {
			for range l.weight {
				all = append(all, w)
			}
		}
	}
	return all
}

// writeText writes sentences of the grammar.
func (l *Lineitem) writeText(length int) string {
	var b strings.Builder
	b.Grow(length + 200)
	for b.Len() < length {
		parts := pick(l.draw, "NV", "NV", "NV", "NVP", "NVP", "NVP", "NVN", "NVN", "NVN", "NPVN", "NPVP")
		for i, p := range parts {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(l.phrase(p))
		}
		b.WriteString(pick(l.draw, terminators...) + " ")
	}
	return b.String()[:length]
}

func (l *Lineitem) phrase(kind rune) string {
	word := func(from []string) string { return pick(l.draw, from...) }
	switch kind {
	case 'P':
		return word(prepositions) + " the " + l.phrase('N')
	case 'V':
		switch n := l.draw.IntN(72); {
		case n < 30:
			return word(verbs)
		case n < 31:
			return word(auxiliaries) + " " + word(verbs)
		case n < 71:
			return word(verbs) + " " + word(adverbs)
		}
		return word(auxiliaries) + " " + word(verbs) + " " + word(adverbs)
	}
	switch n := l.draw.IntN(90); {
	case n < 10:
		return word(nouns)
	case n < 30:
		return word(adjectives) + " " + word(nouns)
	case n < 40:
		return word(adjectives) + ", " + word(adjectives) + " " + word(nouns)
	}
	return word(adverbs) + " " + word(adjectives) + " " + word(nouns)
}
