package vector

// phaseSpans are, by the phases that builds tell Options.Progress, from what part
// of a build to what part each goes, in time, about: as measured with 100,000
// vectors and more. A phase that comes again is of few rows then.
var phaseSpans = map[string][2]float64{
	"encoding vectors": {0, 0.01}, "building graph": {0.01, 0.97}, "measuring recall": {0.97, 0.99},
	"performing k-means": {0, 0.5}, "assigning tuples": {0.5, 0.7}, "loading tuples": {0.7, 0.8}, "calibrating": {0.8, 1},
}

// BuildShare is what part of a whole build is done, 0 to 1, when done of total of a
// phase are.
func BuildShare(phase string, done, total int64) float64 {
	span, known := phaseSpans[phase]
	if !known || total <= 0 {
		return 0
	}
	return span[0] + (span[1]-span[0])*float64(min(max(done, 0), total))/float64(total)
}
