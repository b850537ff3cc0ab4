package catalog

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Identity is the cluster id as the marks of the data directory (file
// quiver/cluster) and of the bucket (object meta/cluster) tell it.
//
// A new cluster is made in this order, so that a crash between any two steps
// is seen for what it is: mark the directory "{id} new", mark the bucket
// "{id}", make the cluster in the catalog store, mark the directory "{id}".
type Identity struct {
	ClusterID string
	// New: the cluster is being made; Options.Create.
	New bool
}

// Identify settles which cluster a data directory and a bucket belong to, from
// the text of their marks, "" where there is none. Marks that contradict each
// other are an error that the operator should read: it keeps one cluster's
// catalog from being laid over another's data.
func Identify(directory, bucket string) (Identity, error) {
	dir, err := parseMark(directory)
	if err != nil {
		return Identity{}, fmt.Errorf("catalog: the data directory's cluster mark: %w", err)
	}
	buck, err := parseMark(bucket)
	if err != nil {
		return Identity{}, fmt.Errorf("catalog: the bucket's cluster mark: %w", err)
	}
	switch {
	case dir.ClusterID == "" && buck.ClusterID == "":
		return Identity{ClusterID: uuid.NewString(), New: true}, nil
	case dir.ClusterID == "":
		return Identity{}, fmt.Errorf("catalog: the bucket belongs to cluster %s, but the data directory is new; start with that cluster's data directory or with another bucket", buck.ClusterID)
	case buck.ClusterID == "" && !dir.New:
		return Identity{}, fmt.Errorf("catalog: the data directory belongs to cluster %s, but the bucket is of no cluster; start with that cluster's bucket", dir.ClusterID)
	case buck.ClusterID != "" && buck.ClusterID != dir.ClusterID:
		return Identity{}, fmt.Errorf("catalog: the data directory belongs to cluster %s, but the bucket to cluster %s", dir.ClusterID, buck.ClusterID)
	}
	return dir, nil
}

// Mark is the text to store in the directory's mark.
func (id Identity) Mark() string {
	if id.New {
		return id.ClusterID + " new\n"
	}
	return id.ClusterID + "\n"
}

func parseMark(text string) (Identity, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 0:
		return Identity{}, nil
	case len(fields) > 2 || len(fields) == 2 && fields[1] != "new":
		return Identity{}, fmt.Errorf("%q is no cluster mark", text)
	}
	id, err := uuid.Parse(fields[0])
	if err != nil {
		return Identity{}, fmt.Errorf("%q is no cluster mark", text)
	}
	return Identity{ClusterID: id.String(), New: len(fields) == 2}, nil
}
