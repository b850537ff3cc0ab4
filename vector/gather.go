package vector

// gatherKernels score n rows of a table against one query, rows given by their
// numbers. Rows are filled up with zeros to dim elements, a multiple of
// gatherStep, and lie stride bytes apart.
//
// Codes are int8; the query is int16 and, but for inner products, at a scale
// that is 1<<shift times that of the codes. The caller sees to it that no sum
// leaves int32 and no difference int16.
type gatherKernels struct {
	codesDot            func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32)
	codesL2, codesL1    func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32, shift int)
	floatsDot, floatsL2 func(query, rows []float32, dim, stride int, ids []uint32, out []float32)
	floatsL1            func(query, rows []float32, dim, stride int, ids []uint32, out []float32)
	// widen makes a query of a code: each element times a factor.
	widen func(code []byte, query []int16, factor int)
}

// gatherStep is what rows are filled up to a multiple of, in elements.
const gatherStep = 32

// gathers are the implementations that this machine can run, the fastest last.
var gathers = append([]gatherKernels{portableGather}, machineGathers()...)

var fastestGather = &gathers[len(gathers)-1]

// portableGather is plain Go.
var portableGather = gatherKernels{
	widen: func(code []byte, query []int16, factor int) {
		query = query[:len(code)]
		for i, c := range code {
			query[i] = int16(int8(c)) * int16(factor)
		}
	},
	codesDot: func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32) {
		for i, id := range ids {
			row := rows[int(id)*stride:][:dim]
			var sum int32
			for j, q := range query[:dim] {
				sum += int32(q) * int32(int8(row[j]))
			}
			out[i] = float32(sum)
		}
	},
	codesL2: func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32, shift int) {
		for i, id := range ids {
			row := rows[int(id)*stride:][:dim]
			var sum int32
			for j, q := range query[:dim] {
				d := int32(q) - int32(int8(row[j]))<<shift
				sum += d * d
			}
			out[i] = float32(sum)
		}
	},
	codesL1: func(query []int16, rows []byte, dim, stride int, ids []uint32, out []float32, shift int) {
		for i, id := range ids {
			row := rows[int(id)*stride:][:dim]
			var sum int32
			for j, q := range query[:dim] {
				d := int32(q) - int32(int8(row[j]))<<shift
				sum += max(d, -d)
			}
			out[i] = float32(sum)
		}
	},
	floatsDot: func(query, rows []float32, dim, stride int, ids []uint32, out []float32) {
		for i, id := range ids {
			out[i], _ = portableDot(query[:dim], rows[int(id)*stride/4:])
		}
	},
	floatsL2: func(query, rows []float32, dim, stride int, ids []uint32, out []float32) {
		for i, id := range ids {
			out[i] = portableSquaredL2(query[:dim], rows[int(id)*stride/4:])
		}
	},
	floatsL1: func(query, rows []float32, dim, stride int, ids []uint32, out []float32) {
		for i, id := range ids {
			out[i] = portableL1(query[:dim], rows[int(id)*stride/4:])
		}
	},
}
