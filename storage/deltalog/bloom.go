package deltalog

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Bloom is a split-block bloom filter: 256-bit blocks of eight 32-bit words,
// one bit a word, so that a look-up touches one cache line. The hash is XXH64
// with seed 0; block and bits are found as in Parquet's filters (its
// specification, BloomFilter.md), so the constants are Parquet's too.
type Bloom struct {
	blocks []byte // a multiple of blockBytes, words little endian
}

const (
	blockBytes = 32
	// bloomBitsPerKey gives fewer than one false answer in a thousand.
	bloomBitsPerKey = 20
)

var bloomSalts = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// NewBloom makes an empty filter for n keys.
func NewBloom(n int) *Bloom {
	blocks := max(1, (n*bloomBitsPerKey+blockBytes*8-1)/(blockBytes*8))
	return &Bloom{blocks: make([]byte, blocks*blockBytes)}
}

// Add adds a key.
func (b *Bloom) Add(key []byte) {
	block, h := b.block(key)
	for i, salt := range bloomSalts {
		word := block[i*4:]
		binary.LittleEndian.PutUint32(word, binary.LittleEndian.Uint32(word)|1<<(h*salt>>27))
	}
}

// MayContain says no only if key was never added.
func (b *Bloom) MayContain(key []byte) bool {
	block, h := b.block(key)
	for i, salt := range bloomSalts {
		if binary.LittleEndian.Uint32(block[i*4:])&(1<<(h*salt>>27)) == 0 {
			return false
		}
	}
	return true
}

func (b *Bloom) block(key []byte) (block []byte, low uint32) {
	h := xxhash.Sum64(key)
	i := (h >> 32) * uint64(len(b.blocks)/blockBytes) >> 32
	return b.blocks[i*blockBytes : (i+1)*blockBytes], uint32(h)
}

// Bytes is the size of the filter.
func (b *Bloom) Bytes() int { return len(b.blocks) }
