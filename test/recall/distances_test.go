package recall

import "math"

// distance is an operator of SQL and its definition.
type distance struct {
	operator, class string
	of              func(x, y []float64) float64
}

var (
	l2      = distance{"<->", "l2", l2Of}
	ip      = distance{"<#>", "ip", func(x, y []float64) float64 { return -dot(x, y) }}
	cosine  = distance{"<=>", "cosine", func(x, y []float64) float64 { return 1 - dot(x, y)/math.Sqrt(dot(x, x)*dot(y, y)) }}
	l1      = distance{"<+>", "l1", l1Of}
	hamming = distance{"<~>", "hamming", l1Of}
	jaccard = distance{"<%>", "jaccard", jaccardOf}
)

func l2Of(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += (v - y[i]) * (v - y[i])
	}
	return math.Sqrt(sum)
}

func l1Of(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += math.Abs(v - y[i])
	}
	return sum
}

func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

func jaccardOf(x, y []float64) float64 {
	both, either := 0.0, 0.0
	for i, v := range x {
		both, either = both+min(v, y[i]), either+max(v, y[i])
	}
	if both == 0 {
		return 1
	}
	return 1 - both/either
}
