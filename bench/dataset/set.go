package dataset

import (
	"encoding/binary"
	"math"

	"quiver/vector"
)

// Set is a data set in memory. Row i has the id i.
type Set struct {
	Name     string
	Distance vector.Distance
	Dim      int
	Rows     []float32 // Dim of each row, one after the other
	Queries  []float32
	// Labels and QueryLabels are small groups that lie together in the space
	// more than chance has it: a lower-case letter each.
	Labels, QueryLabels []byte
	// Buckets are uniform in 0 to 999 and have nothing to do with the vectors.
	Buckets []int32
}

// Len is the number of rows.
func (s *Set) Len() int { return len(s.Rows) / s.Dim }

// Row is the vector of row i.
func (s *Set) Row(i int) []float32 { return s.Rows[i*s.Dim : (i+1)*s.Dim] }

// NumQueries is the number of queries.
func (s *Set) NumQueries() int { return len(s.Queries) / s.Dim }

// Query is the vector of query q.
func (s *Set) Query(q int) []float32 { return s.Queries[q*s.Dim : (q+1)*s.Dim] }

// First is the set with its first n rows, all if it has fewer.
func (s *Set) First(n int) *Set {
	n = min(n, s.Len())
	head := *s
	head.Rows, head.Labels, head.Buckets = s.Rows[:n*s.Dim], s.Labels[:n], s.Buckets[:n]
	return &head
}

// WithMore is the set with n more rows, each of which lies between two of it,
// seven eighths of the way to the one that it has label and bucket of.
func (s *Set) WithMore(n int) *Set {
	rows := s.Len()
	more := *s
	more.Rows = append(make([]float32, 0, (rows+n)*s.Dim), s.Rows...)
	more.Labels = append(make([]byte, 0, rows+n), s.Labels...)
	more.Buckets = append(make([]int32, 0, rows+n), s.Buckets...)
	for i := range n {
		near, far := i%rows, int(uint64(i)*2654435761%uint64(rows))
		a, b := s.Row(near), s.Row(far)
		for j, x := range a {
			more.Rows = append(more.Rows, x+(b[j]-x)/8)
		}
		more.Labels, more.Buckets = append(more.Labels, s.Labels[near]), append(more.Buckets, s.Buckets[near])
	}
	return &more
}

// AppendVector appends the binary form of a vector parameter.
func AppendVector(b []byte, v []float32) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	b = binary.BigEndian.AppendUint16(b, 0)
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// CopyHeader begins and CopyTrailer ends a COPY in binary form.
var (
	CopyHeader  = append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	CopyTrailer = []byte{0xff, 0xff}
)

// AppendCopyRow appends a row of COPY in binary form: id int, bucket int, label
// text, embedding vector.
func AppendCopyRow(b []byte, id, bucket int32, label byte, v []float32) []byte {
	be := binary.BigEndian
	b = be.AppendUint16(b, 4)
	b = be.AppendUint32(b, 4)
	b = be.AppendUint32(b, uint32(id))
	b = be.AppendUint32(b, 4)
	b = be.AppendUint32(b, uint32(bucket))
	b = be.AppendUint32(b, 1)
	b = append(b, label)
	b = be.AppendUint32(b, uint32(4+4*len(v)))
	return AppendVector(b, v)
}

// CopyBinary is rows from to to of the set in COPY's binary form, with ids that
// begin at firstID.
func (s *Set) CopyBinary(from, to, firstID int) []byte {
	b := append(make([]byte, 0, 64+(to-from)*(4*s.Dim+48)), CopyHeader...)
	for i := from; i < to; i++ {
		b = AppendCopyRow(b, int32(firstID+i-from), s.Buckets[i], s.Labels[i], s.Row(i))
	}
	return append(b, CopyTrailer...)
}
