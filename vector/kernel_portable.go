package vector

// portable is plain Go: what runs where there is no assembly. Four sums at a
// time hide the latency of additions.
var portable = Kernels{
	Name: "portable", halves: portableHalves, bits: portableBits, panels: portablePanels, sparse: portableSparse,
	squaredL2: func(query, rows []float32, stride, n int, out []float32) {
		for i := range n {
			out[i] = portableSquaredL2(query, rows[i*stride:])
		}
	},
	l1: func(query, rows []float32, stride, n int, out []float32) {
		for i := range n {
			out[i] = portableL1(query, rows[i*stride:])
		}
	},
	dot: func(query, rows []float32, stride, n int, out, squares []float32) {
		for i := range n {
			out[i], squares[i] = portableDot(query, rows[i*stride:])
		}
	},
}

func portableSquaredL2(q, x []float32) float32 {
	x = x[:len(q)]
	var s0, s1, s2, s3 float32
	for len(q) >= 4 {
		a, b := q[:4:4], x[:4:4]
		d0, d1, d2, d3 := a[0]-b[0], a[1]-b[1], a[2]-b[2], a[3]-b[3]
		s0 += d0 * d0
		s1 += d1 * d1
		s2 += d2 * d2
		s3 += d3 * d3
		q, x = q[4:], x[4:]
	}
	for i, v := range q {
		d := v - x[i]
		s0 += d * d
	}
	return s0 + s1 + (s2 + s3)
}

func portableL1(q, x []float32) float32 {
	x = x[:len(q)]
	var s0, s1, s2, s3 float32
	for len(q) >= 4 {
		a, b := q[:4:4], x[:4:4]
		s0 += abs32(a[0] - b[0])
		s1 += abs32(a[1] - b[1])
		s2 += abs32(a[2] - b[2])
		s3 += abs32(a[3] - b[3])
		q, x = q[4:], x[4:]
	}
	for i, v := range q {
		s0 += abs32(v - x[i])
	}
	return s0 + s1 + (s2 + s3)
}

func portableDot(q, x []float32) (dot, square float32) {
	x = x[:len(q)]
	var s0, s1, s2, s3, t0, t1, t2, t3 float32
	for len(q) >= 4 {
		a, b := q[:4:4], x[:4:4]
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		t0 += b[0] * b[0]
		t1 += b[1] * b[1]
		t2 += b[2] * b[2]
		t3 += b[3] * b[3]
		q, x = q[4:], x[4:]
	}
	for i, v := range q {
		s0 += v * x[i]
		t0 += x[i] * x[i]
	}
	return s0 + s1 + (s2 + s3), t0 + t1 + (t2 + t3)
}

func abs32(v float32) float32 {
	if v < 0 {
		return -v
	}
	return v
}
