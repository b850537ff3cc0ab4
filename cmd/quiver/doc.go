// Command quiver is the one binary: the server, and the tools that look at its
// files. It is wiring only: flags and QUIVER_… variables (flags.go), what a
// server is made of and in which order it opens and closes (node.go), and one
// file a subcommand.
package main
