// Package backup tests backups, copies of the data directory and checks by the
// real binary: on local directories, and on etcd and MinIO.
package backup
