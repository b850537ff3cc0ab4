package executor

import "hash/maphash"

// partitionCount is into how many files an operator that outgrew its memory
// splits its input.
const partitionCount = 16

// partitionDepthMax bounds how often rows are split again: beyond, equal keys
// are what makes a partition large, and it is taken as it is.
const partitionDepthMax = 6

// partitions splits rows by the hash of their keys into temporary files.
type partitions struct {
	x     *execution
	seed  maphash.Seed
	rows  [partitionCount][]int32
	held  [partitionCount][]*batch
	count [partitionCount]int
	files [partitionCount]*spillFile
}

// newPartitions begins a split; each has a hash of its own, so that what one put
// together the next takes apart.
func newPartitions(x *execution) *partitions {
	return &partitions{x: x, seed: maphash.MakeSeed()}
}

// of is the partition of a key.
func (p *partitions) of(key []byte) int {
	return int(maphash.Bytes(p.seed, key) % partitionCount)
}

// route sends row i of the batch at hand to its partition.
func (p *partitions) route(i int, key []byte) {
	k := p.of(key)
	p.rows[k] = append(p.rows[k], int32(i))
}

// write moves the routed rows of a batch, which stays the caller's; they are
// gathered to batches of some size before they go to the file.
func (p *partitions) write(b *batch) error {
	for k := range p.rows {
		if len(p.rows[k]) == 0 {
			continue
		}
		p.held[k] = append(p.held[k], takeBatch(p.x.mem, b, p.rows[k]))
		p.count[k] += len(p.rows[k])
		p.rows[k] = p.rows[k][:0]
		if p.count[k] >= batchRows/4 {
			if err := p.flush(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *partitions) flush(k int) error {
	if len(p.held[k]) == 0 {
		return nil
	}
	if p.files[k] == nil {
		f, err := newSpillFile(p.x)
		if err != nil {
			return err
		}
		p.files[k] = f
	}
	all, err := concatBatches(p.x.mem, p.held[k])
	if err != nil {
		return err
	}
	defer all.release()
	for _, b := range p.held[k] {
		b.release()
	}
	p.held[k], p.count[k] = nil, 0
	return p.files[k].write(all)
}

// finish returns the files that have rows; they are the caller's.
func (p *partitions) finish() ([]*spillFile, error) {
	all, err := p.finishAll()
	var out []*spillFile
	for _, f := range all {
		if f != nil {
			out = append(out, f)
		}
	}
	return out, err
}

// finishAll returns the files by partition; nil for those without rows.
func (p *partitions) finishAll() ([partitionCount]*spillFile, error) {
	for k := range p.held {
		if err := p.flush(k); err != nil {
			return [partitionCount]*spillFile{}, err
		}
	}
	files := p.files
	p.files = [partitionCount]*spillFile{}
	return files, nil
}

// drop forgets everything.
func (p *partitions) drop() {
	for k := range p.files {
		for _, b := range p.held[k] {
			b.release()
		}
		p.held[k] = nil
		if p.files[k] != nil {
			p.files[k].close()
			p.files[k] = nil
		}
	}
}
