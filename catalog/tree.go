package catalog

import "math/rand/v2"

// tree is a persistent ordered map: a treap whose writes copy the path to the
// root. Old roots stay valid, so a catalog version with one changed relation
// shares all but a few nodes with the version before, and a savepoint is a
// kept root. The zero value is empty; compare must not change between calls.
type tree[K, V any] struct {
	root *treeNode[K, V]
}

type treeNode[K, V any] struct {
	key         K
	value       V
	priority    uint32
	left, right *treeNode[K, V]
}

// order compares keys: negative, zero or positive.
type order[K any] func(a, b K) int

func (t tree[K, V]) get(cmp order[K], key K) (value V, ok bool) {
	for n := t.root; n != nil; {
		switch c := cmp(key, n.key); {
		case c == 0:
			return n.value, true
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return value, false
}

func (t tree[K, V]) with(cmp order[K], key K, value V) tree[K, V] {
	if _, there := t.get(cmp, key); there {
		return tree[K, V]{replaceNode(cmp, t.root, key, value)}
	}
	less, more := split(cmp, t.root, key)
	n := &treeNode[K, V]{key: key, value: value, priority: rand.Uint32()}
	return tree[K, V]{join(join(less, n), more)}
}

func replaceNode[K, V any](cmp order[K], n *treeNode[K, V], key K, value V) *treeNode[K, V] {
	fresh := *n
	switch c := cmp(key, n.key); {
	case c == 0:
		fresh.value = value
	case c < 0:
		fresh.left = replaceNode(cmp, n.left, key, value)
	default:
		fresh.right = replaceNode(cmp, n.right, key, value)
	}
	return &fresh
}

func (t tree[K, V]) without(cmp order[K], key K) tree[K, V] {
	if _, ok := t.get(cmp, key); !ok {
		return t
	}
	return tree[K, V]{removeNode(cmp, t.root, key)}
}

func removeNode[K, V any](cmp order[K], n *treeNode[K, V], key K) *treeNode[K, V] {
	c := cmp(key, n.key)
	if c == 0 {
		return join(n.left, n.right)
	}
	fresh := *n
	if c < 0 {
		fresh.left = removeNode(cmp, n.left, key)
	} else {
		fresh.right = removeNode(cmp, n.right, key)
	}
	return &fresh
}

// split parts n into keys below and keys from key on.
func split[K, V any](cmp order[K], n *treeNode[K, V], key K) (less, more *treeNode[K, V]) {
	if n == nil {
		return nil, nil
	}
	fresh := *n
	if cmp(n.key, key) < 0 {
		fresh.right, more = split(cmp, n.right, key)
		return &fresh, more
	}
	less, fresh.left = split(cmp, n.left, key)
	return less, &fresh
}

// join merges two treaps, every key of a being below every key of b.
func join[K, V any](a, b *treeNode[K, V]) *treeNode[K, V] {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		fresh := *a
		fresh.right = join(a.right, b)
		return &fresh
	default:
		fresh := *b
		fresh.left = join(a, b.left)
		return &fresh
	}
}

// from calls yield for each pair with key ≥ start, in order, until it says no.
func (t tree[K, V]) from(cmp order[K], start K, yield func(K, V) bool) {
	ascend(cmp, t.root, start, yield)
}

func ascend[K, V any](cmp order[K], n *treeNode[K, V], start K, yield func(K, V) bool) bool {
	if n == nil {
		return true
	}
	if cmp(n.key, start) < 0 {
		return ascend(cmp, n.right, start, yield)
	}
	return ascend(cmp, n.left, start, yield) && yield(n.key, n.value) && ascend(cmp, n.right, start, yield)
}
