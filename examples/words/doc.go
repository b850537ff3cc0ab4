// Command words is the demonstration that `make demo` runs: it starts the
// server on the embedded default, loads 10,000 word vectors by COPY, runs a few
// searches, prints each statement with its result and time, and leaves the
// server running. A second run finds the data there and goes on.
package main
