package copyfile

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"quiver/sql/sqlerr"
)

// Compression is what a whole file is packed with. Within Parquet and Arrow
// files it is that of their pages and buffers instead.
type Compression byte

// The compressions.
const (
	None Compression = iota
	Gzip
	Zstd
	Snappy
	LZ4
)

var compressions = map[string]Compression{"none": None, "gzip": Gzip, "zstd": Zstd, "snappy": Snappy, "lz4": LZ4}

var compressionSuffixes = map[string]Compression{
	".gz": Gzip, ".gzip": Gzip, ".zst": Zstd, ".zstd": Zstd, ".sz": Snappy, ".snappy": Snappy, ".lz4": LZ4,
}

// CompressionByName reads the option COMPRESSION; ok is false for another word.
func CompressionByName(name string) (c Compression, ok bool) {
	c, ok = compressions[strings.ToLower(name)]
	return c, ok
}

// CompressionOf is what the last extension of a file's name says, and the name
// without it.
func CompressionOf(name string) (Compression, string) {
	if IsRemote(name) {
		name, _, _ = strings.Cut(name, "?")
	}
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return None, name
	}
	c, ok := compressionSuffixes[strings.ToLower(name[i:])]
	if !ok {
		return None, name
	}
	return c, name[:i]
}

// unpackWindowMax bounds the memory that a hostile zstd frame can ask for.
const unpackWindowMax = 128 << 20

// Unpack reads what r holds packed. Close does not close r.
func Unpack(r io.Reader, c Compression) (io.ReadCloser, error) {
	switch c {
	case Gzip:
		z, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
		if err != nil {
			return nil, damaged(err)
		}
		return &unpacker{z, true, z.Close}, nil
	case Zstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(unpackWindowMax))
		if err != nil {
			return nil, damaged(err)
		}
		return &unpacker{z, true, func() error { z.Close(); return nil }}, nil
	case Snappy:
		return &unpacker{snappy.NewReader(r), true, nil}, nil
	case LZ4:
		return &unpacker{lz4.NewReader(r), true, nil}, nil
	}
	return &unpacker{r, false, nil}, nil
}

func damaged(err error) error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return err // of the file below
	}
	return sqlerr.New(sqlerr.BadCopyFileFormat, "compressed data is damaged: %s", err)
}

type unpacker struct {
	io.Reader
	packed bool
	close  func() error
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && err != io.EOF && u.packed {
		err = damaged(err)
	}
	return n, err
}

func (u *unpacker) Close() error {
	if u.close == nil {
		return nil
	}
	return u.close()
}

// Pack writes to w packed. Close ends the packed data and does not close w.
func Pack(w io.Writer, c Compression) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	case Snappy:
		return snappy.NewBufferedWriter(w), nil
	case LZ4:
		return lz4.NewWriter(w), nil
	}
	return nopCloser{w}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
