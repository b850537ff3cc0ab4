package binlog

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec says how the buffers of an event are compressed, all together.
type Codec byte

// The codecs; never renumbered.
const (
	None      Codec = iota
	LZ4             // one LZ4 block
	Zstd            // one zstd frame
	Snappy          // one snappy block
	ZstdSplit       // one zstd frame of the bytes by their rank in a value: split.go
	// Sequence stores integers of equal distance, whatever codec but None is
	// asked for; asked for itself, it stores others as they are: sequence.go.
	Sequence
	// The codecs below are what Zstd stores where they suit better: integers as
	// packed.go, texts as text.go says. Asked for themselves they store nothing.
	Packed
	Dictionary
	ZstdText
)

const codecMax = ZstdText

// LevelMax is the smallest and slowest level of codecs that have levels: zstd's,
// to which those of the others are mapped. 0 is the default, the fastest.
const LevelMax = 22

func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	case Snappy:
		return "snappy"
	case ZstdSplit:
		return "zstd_split"
	case Sequence:
		return "sequence"
	case Packed:
		return "packed"
	case Dictionary:
		return "dictionary"
	case ZstdText:
		return "zstd_text"
	}
	return fmt.Sprintf("codec(%d)", byte(c))
}

// ParseCodec reads a codec's name.
func ParseCodec(name string) (Codec, error) {
	for c := None; c <= codecMax; c++ {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown codec %q", name)
}

// zstdLevels are the encoders of a level each, and what they take from Options.
// Level: from the level on. They are used by EncodeAll alone, which is safe for
// concurrent use and starts no goroutine.
var zstdLevels = []struct {
	from    int
	encoder func() *zstd.Encoder
}{
	{10, zstdEncoder(zstd.SpeedBestCompression)},
	{6, zstdEncoder(zstd.SpeedBetterCompression)},
	{3, zstdEncoder(zstd.SpeedDefault)},
	{0, zstdEncoder(zstd.SpeedFastest)},
}

func zstdEncoder(speed zstd.EncoderLevel) func() *zstd.Encoder {
	return sync.OnceValue(func() *zstd.Encoder {
		// Columns of numbers and short texts repeat few strings but few byte
		// values too: entropy coding of literals is what shrinks them.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
			zstd.WithEncoderLevel(speed), zstd.WithAllLitEntropyCompression(true))
		if err != nil {
			panic(err) // options are constant
		}
		return e
	})
}

func encodeZstd(level int, src, dst []byte) []byte {
	for _, l := range zstdLevels {
		if level >= l.from {
			return l.encoder().EncodeAll(src, dst)
		}
	}
	return zstdLevels[len(zstdLevels)-1].encoder().EncodeAll(src, dst)
}

// zstdDecoder is used by DecodeAll alone.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderMaxMemory(rawBytesMax))
	if err != nil {
		panic(err)
	}
	return d
})

// levelBetter is from which level on the codecs that are made for speed look
// further, levelBest from which they look as far as they can.
const levelBetter, levelBest = 3, 10

func encodeLZ4(level int, src, dst []byte) (int, error) {
	switch {
	case level < levelBetter:
		return lz4.CompressBlock(src, dst, nil)
	case level < levelBest:
		return lz4.CompressBlockHC(src, dst, lz4.Level5, nil, nil)
	}
	return lz4.CompressBlockHC(src, dst, lz4.Level9, nil, nil)
}

func encodeSnappy(level int, src, dst []byte) []byte {
	switch {
	case level < levelBetter:
		return s2.EncodeSnappy(dst, src)
	case level < levelBest:
		return s2.EncodeSnappyBetter(dst, src)
	}
	return s2.EncodeSnappyBest(dst, src)
}

// compress returns src, values of so many bytes (splitWidth), packed by codec, using
// scratch if it is large enough. It answers None and src itself when packing gains
// nothing.
func compress(codec Codec, level, width int, src, scratch []byte) (Codec, []byte, error) {
	var out []byte
	switch codec {
	case None, Sequence, Packed, Dictionary, ZstdText:
		return None, src, nil
	case LZ4:
		out = grow(scratch, lz4.CompressBlockBound(len(src)))
		n, err := encodeLZ4(level, src, out)
		if err != nil {
			return 0, nil, err
		}
		if n == 0 { // incompressible
			return None, src, nil
		}
		out = out[:n]
	case Zstd:
		out = encodeZstd(level, src, scratch[:0])
	case Snappy:
		out = encodeSnappy(level, src, grow(scratch, s2.MaxEncodedLen(len(src))))
	case ZstdSplit:
		err := withPlanes(len(src), func(split []byte) error {
			splitBytes(split, src, width)
			out = encodeZstd(level, split, scratch[:0])
			return nil
		})
		if err != nil {
			return 0, nil, err
		}
	default:
		return 0, nil, fmt.Errorf("binlog: %v", codec)
	}
	if len(out) >= len(src) {
		return None, src, nil
	}
	return codec, out, nil
}

// decompress unpacks src into dst, which has exactly the raw length.
func decompress(codec Codec, width int, src, dst []byte) error {
	if codec == ZstdSplit {
		if len(dst)%width != 0 {
			return fmt.Errorf("%d bytes are no values of %d", len(dst), width)
		}
		return withPlanes(len(dst), func(split []byte) error {
			err := decompress(Zstd, 1, src, split)
			if err == nil {
				joinBytes(dst, split, width)
			}
			return err
		})
	}
	n, err := 0, error(nil)
	switch codec {
	case LZ4:
		n, err = lz4.UncompressBlock(src, dst)
	case Zstd:
		// The frame's own size is checked first: one that lies would make the
		// decoder allocate.
		var h zstd.Header
		if err = h.Decode(src); err == nil && (!h.HasFCS || h.FrameContentSize != uint64(len(dst))) {
			return fmt.Errorf("zstd frame is not of %d bytes", len(dst))
		}
		if err == nil {
			var out []byte
			out, err = zstdDecoder().DecodeAll(src, dst[:0:len(dst)])
			if n = len(out); n > 0 && &out[0] != &dst[0] {
				return fmt.Errorf("zstd frame is not of %d bytes", len(dst))
			}
		}
	case Snappy:
		if n, err = s2.DecodedLen(src); err == nil && n == len(dst) {
			_, err = s2.Decode(dst, src)
		}
	default:
		return fmt.Errorf("codec %d is unknown", byte(codec))
	}
	if err == nil && n != len(dst) {
		err = fmt.Errorf("unpacks to %d bytes, not %d", n, len(dst))
	}
	return err
}

func grow(scratch []byte, n int) []byte {
	if cap(scratch) >= n {
		return scratch[:n]
	}
	return make([]byte, n)
}
