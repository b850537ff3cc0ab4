// Package lint holds tests over the repository itself: who may import whom,
// one fence package a heavy library, a doc comment for every package. It has
// no code of its own.
package lint
