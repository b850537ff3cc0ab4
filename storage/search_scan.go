package storage

import "context"

// SegmentRange is some positions of a segment that VectorSegments returned.
type SegmentRange struct {
	Segment  SearchSegment
	From, To int
}

// ScanRanges scans positions of segments as ScanParallel does a table: the rows
// that an index does not cover. The segments must outlive the scanners.
func (s *snapshot) ScanRanges(_ context.Context, spec ScanSpec, ranges []SegmentRange, n int) ([]Scanner, error) {
	p := &scanPlan{s: s, spec: spec}
	var err error
	if p.schema, err = newScanSchema(spec); err != nil {
		return nil, err
	}
	p.ahead = p.fieldsAhead()
	for _, r := range ranges {
		seg := r.Segment.(*searchSegment)
		for start := r.From; start < min(r.To, seg.rows); {
			_, end := seg.src.group(start)
			end = min(end, r.To, seg.rows)
			p.units = append(p.units, unit{src: seg.src, own: seg.own, start: start, end: end, expired: seg.expired, table: spec.Table.Storage})
			start = end
		}
	}
	return p.newScanners(n), nil
}
