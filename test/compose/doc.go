// Package compose holds docker-compose.yml to its word without a container
// engine: docker-compose itself reads the file, and the test starts the same
// three processes with the commands, the environment and the health checks
// that it says, hosts and ports mapped to loopback, volumes to a temporary
// directory. Down and up again, and the data is there.
package compose
