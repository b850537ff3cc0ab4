// Package rules improves logical trees. Each rule lies in a file of its own and
// keeps the result of the tree as it is; order.go lists them in the order they
// are applied. The setting quiver.disabled_rules names rules to leave out,
// which tests use to see that the same rows come back without each of them.
//
// Start reading at order.go.
package rules
