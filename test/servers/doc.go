// Package servers starts the real servers that tests and benchmarks talk to:
// Quiver itself from this tree, PostgreSQL 15 as the oracle, etcd, MinIO and
// versitygw from the modules in tools/. Each listens on a free loopback port, keeps its
// data in a temporary directory and ends with the test.
package servers
