package segment

import "quiver/catalog"

// transitions is the one table of allowed moves of a segment's state; each is
// made by an idempotent job that any restart resumes.
var transitions = map[catalog.SegmentState][]catalog.SegmentState{
	catalog.SegmentGrowing:   {catalog.SegmentSealed},
	catalog.SegmentSealed:    {catalog.SegmentFlushed},
	catalog.SegmentFlushed:   {catalog.SegmentIndexed, catalog.SegmentCompacted, catalog.SegmentDropped},
	catalog.SegmentIndexed:   {catalog.SegmentCompacted, catalog.SegmentDropped},
	catalog.SegmentCompacted: {catalog.SegmentDropped},
	catalog.SegmentDropped:   nil,
}

// MayMove says whether a segment may go from one state to another.
func MayMove(from, to catalog.SegmentState) bool {
	for _, s := range transitions[from] {
		if s == to {
			return true
		}
	}
	return false
}
