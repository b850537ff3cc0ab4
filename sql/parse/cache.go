package parse

import (
	"container/list"
	"sync"

	"quiver/sql/ast"
)

// treeBytesPerTextByte is how much larger than its text a tree is taken to be.
const treeBytesPerTextByte = 16

// Cache keeps parsed texts, the least recently used go first. It is shared by
// sessions and safe for concurrent use; what it returns must not be changed.
type Cache struct {
	budget int64

	mu      sync.Mutex // guards the rest; not held while parsing
	used    int64
	entries map[string]*list.Element
	recent  list.List // of *cacheEntry, the most recently used in front
}

type cacheEntry struct {
	text  string
	stmts []*ast.Statement
	bytes int64
}

// NewCache returns a cache that holds about budget bytes.
func NewCache(budget int64) *Cache {
	return &Cache{budget: budget, entries: map[string]*list.Element{}}
}

// Parse is Parse through the cache. Errors are not kept, nor are texts whose
// trees would take more than an eighth of the budget, nor INSERTs of many
// literals, which do not come twice.
func (c *Cache) Parse(text string) ([]*ast.Statement, error) {
	if stmts, ok := c.get(text); ok {
		return stmts, nil
	}
	stmts, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if bytes := int64(len(text))*treeBytesPerTextByte + 512; bytes <= c.budget/8 && !hasLiteralRows(stmts) {
		c.put(&cacheEntry{text: text, stmts: stmts, bytes: bytes})
	}
	return stmts, nil
}

func hasLiteralRows(stmts []*ast.Statement) bool {
	if len(stmts) != 1 {
		return false
	}
	insert, ok := stmts[0].Stmt.(*ast.InsertStmt)
	return ok && insert.Source != nil && insert.Source.Rows != nil
}

func (c *Cache) get(text string) ([]*ast.Statement, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[text]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cacheEntry).stmts, true
}

func (c *Cache) put(entry *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[entry.text]; ok {
		return
	}
	c.entries[entry.text] = c.recent.PushFront(entry)
	c.used += entry.bytes
	for c.used > c.budget {
		last := c.recent.Back()
		old := c.recent.Remove(last).(*cacheEntry)
		delete(c.entries, old.text)
		c.used -= old.bytes
	}
}

// Bytes is the estimate of what the cache holds.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}
