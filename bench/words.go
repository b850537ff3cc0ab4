package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

// copies is how often the 10,000 word vectors are repeated, with fresh ids.
const copies = 20

const dimensions = 100

// words is the data set in memory: the rows of examples/words ×20, ids shuffled.
type words struct {
	rows []word
}

type word struct {
	id     int32
	text   string
	length int32
	vector []float32
	floats string // the vector's numbers as text, without brackets
}

func readWords() (*words, error) {
	f, err := os.Open("examples/words/words.csv.gz")
	if err != nil {
		return nil, fmt.Errorf("run bench from the repository's root: %w", err)
	}
	defer f.Close()
	gz, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(gz)
	if _, err := r.Read(); err != nil {
		return nil, err
	}
	var base []word
	for {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		length, err := strconv.Atoi(rec[2])
		if err != nil {
			return nil, err
		}
		w := word{text: rec[1], length: int32(length), floats: strings.Trim(rec[3], "[]")}
		for _, s := range strings.Split(w.floats, ",") {
			x, err := strconv.ParseFloat(s, 32)
			if err != nil {
				return nil, err
			}
			w.vector = append(w.vector, float32(x))
		}
		if len(w.vector) != dimensions {
			return nil, fmt.Errorf("word %q has %d dimensions", w.text, len(w.vector))
		}
		base = append(base, w)
	}
	ws := &words{rows: make([]word, 0, copies*len(base))}
	ids := rand.New(rand.NewPCG(1, 1)).Perm(copies * len(base))
	for range copies {
		for _, w := range base {
			w.id = int32(ids[len(ws.rows)] + 1)
			ws.rows = append(ws.rows, w)
		}
	}
	return ws, nil
}

// copyText is the COPY text form; open and shut bracket the vector ("[" and
// "]", or "{" and "}" for real[]).
func (ws *words) copyText(open, shut string) []byte {
	var b []byte
	escape := strings.NewReplacer(`\`, `\\`, "\t", `\t`)
	for _, w := range ws.rows {
		b = strconv.AppendInt(b, int64(w.id), 10)
		b = append(b, '\t')
		b = append(b, escape.Replace(w.text)...)
		b = append(b, '\t')
		b = strconv.AppendInt(b, int64(w.length), 10)
		b = append(b, '\t')
		b = append(append(append(b, open...), w.floats...), shut...)
		b = append(b, '\n')
	}
	return b
}

// copyBinary is the COPY binary form, the vector written by appendVector.
func (ws *words) copyBinary(appendVector func(b []byte, v []float32) []byte) []byte {
	b := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	be := binary.BigEndian
	for _, w := range ws.rows {
		b = be.AppendUint16(b, 4)
		b = be.AppendUint32(b, 4)
		b = be.AppendUint32(b, uint32(w.id))
		b = be.AppendUint32(b, uint32(len(w.text)))
		b = append(b, w.text...)
		b = be.AppendUint32(b, 4)
		b = be.AppendUint32(b, uint32(w.length))
		at := len(b)
		b = appendVector(be.AppendUint32(b, 0), w.vector)
		be.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return be.AppendUint16(b, 0xffff)
}

// appendPgvector is pgvector's binary form.
func appendPgvector(b []byte, v []float32) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	b = binary.BigEndian.AppendUint16(b, 0)
	for _, x := range v {
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// appendRealArray is the binary form of real[].
func appendRealArray(b []byte, v []float32) []byte {
	be := binary.BigEndian
	for _, x := range []uint32{1, 0, 700, uint32(len(v)), 1} {
		b = be.AppendUint32(b, x)
	}
	for _, x := range v {
		b = be.AppendUint32(b, 4)
		b = be.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
