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
	None   Codec = iota
	LZ4          // one LZ4 block
	Zstd         // one zstd frame
	Snappy       // one snappy block
)

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
	}
	return fmt.Sprintf("codec(%d)", byte(c))
}

// ParseCodec reads a codec's name.
func ParseCodec(name string) (Codec, error) {
	for c := None; c <= Snappy; c++ {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("unknown codec %q", name)
}

// The zstd coders are used by EncodeAll and DecodeAll alone, which are safe for
// concurrent use and start no goroutine.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		// Columns of numbers and short texts repeat few strings but few byte
		// values too: entropy coding of literals is what shrinks them.
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
			zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true))
		if err != nil {
			panic(err) // options are constant
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderMaxMemory(rawBytesMax))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// compress returns src packed by codec, using scratch if it is large enough. It
// answers None and src itself when packing gains nothing.
func compress(codec Codec, src, scratch []byte) (Codec, []byte, error) {
	var out []byte
	switch codec {
	case None:
		return None, src, nil
	case LZ4:
		out = grow(scratch, lz4.CompressBlockBound(len(src)))
		n, err := lz4.CompressBlock(src, out, nil)
		if err != nil {
			return 0, nil, err
		}
		if n == 0 { // incompressible
			return None, src, nil
		}
		out = out[:n]
	case Zstd:
		out = zstdEncoder().EncodeAll(src, scratch[:0])
	case Snappy:
		out = s2.EncodeSnappy(grow(scratch, s2.MaxEncodedLen(len(src))), src)
	default:
		return 0, nil, fmt.Errorf("binlog: %v", codec)
	}
	if len(out) >= len(src) {
		return None, src, nil
	}
	return codec, out, nil
}

// decompress unpacks src into dst, which has exactly the raw length.
func decompress(codec Codec, src, dst []byte) error {
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
