// Package objstore is the object store as storage uses it: a local directory
// (dir.go), the S3 protocol by minio-go (s3.go; requests are tried again, retry.go,
// and fail when the server falls silent, silence.go), one in memory (mem.go), and
// one that is slow, fails and loses replies after storing (faulty.go).
//
// Keys are slash-separated and never begin with a slash. Objects are written
// whole, never changed and their names never reused. Every implementation
// passes the suite in acceptance_test.go, the S3 one against a MinIO process.
//
// The package imports storage/vfs and is the only importer of minio-go.
package objstore
