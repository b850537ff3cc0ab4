package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"time"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/manifest"
)

// Sentinels.
var (
	// ErrNoBackup: the place has no backup of the name.
	ErrNoBackup = errors.New("backup: there is no such backup")
	// ErrExists: the place has a backup of the name.
	ErrExists = errors.New("backup: there is such a backup already")
	// ErrInUse: another process changes the place.
	ErrInUse = errors.New("backup: the place is in use")
	// ErrName: a backup cannot be named so.
	ErrName = errors.New("backup: invalid name")
)

// Version is the version of descriptions that is written.
const Version = 1

// header is the first line of a description: version, CRC-32C and length of the
// JSON document after it.
const header = "quiver-backup %d crc32c=%08x length=%d\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Description is everything about a backup but the contents of its objects.
type Description struct {
	Name string `json:"name"`
	// Cluster is where it was taken; its objects lie under that.
	Cluster string    `json:"cluster"`
	Created time.Time `json:"created"`
	// Timestamp is what the backup shows: every commit up to it and none later.
	// The objects may have later rows and deletes, which a restore leaves out.
	Timestamp uint64 `json:"timestamp"`
	// Earliest is the least timestamp that the objects can be restored at.
	Earliest uint64 `json:"earliest"`
	// IDs is above every row, segment and log id in the objects.
	IDs uint64 `json:"ids"`
	// Scope is what was asked for.
	Scope Scope `json:"scope"`
	// Descriptors are those of the catalog, in the order of their OIDs, as the
	// catalog stores them (catalog.EncodeDescriptor).
	Descriptors [][]byte `json:"descriptors"`
	// Sequences have their values beside their descriptors.
	Sequences []Sequence `json:"sequences,omitempty"`
	Segments  []Segment  `json:"segments,omitempty"`
	// Objects and Bytes count what the segments name; NewObjects and NewBytes
	// what of it was copied for this backup.
	Objects    int   `json:"objects"`
	Bytes      int64 `json:"bytes"`
	NewObjects int   `json:"new_objects"`
	NewBytes   int64 `json:"new_bytes"`
}

// Scope is what a backup is of: the whole cluster, a database, or tables of one.
type Scope struct {
	Database string   `json:"database,omitempty"`
	Tables   []string `json:"tables,omitempty"` // schema.table, quoted where SQL needs it
}

// Sequence is the value of a sequence.
type Sequence struct {
	OID    catalog.OID `json:"oid"`
	Last   int64       `json:"last"`
	Called bool        `json:"called"`
}

// Segment is a segment: its manifest lists the objects by the keys that they had
// in the cluster.
type Segment struct {
	Manifest *manifest.Manifest `json:"manifest"`
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)

// CheckName refuses names that an object key could not hold.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%w %q: want letters, digits, dots, hyphens and underscores, at most 100", ErrName, name)
	}
	return nil
}

// DefaultName names a backup after its time.
func DefaultName(at time.Time) string { return at.UTC().Format("20060102T150405.000Z") }

// Key is where an object of the cluster lies in the place.
func (d *Description) Key(object string) string { return objectKey(d.Cluster, object) }

func objectKey(cluster, object string) string { return "objects/" + cluster + "/" + object }

func descriptionKey(name string) string { return descriptions + name }

const descriptions = "backups/"

// Files calls f for every object of the backup.
func (d *Description) Files(f func(file *manifest.File) error) error {
	for i := range d.Segments {
		files := d.Segments[i].Manifest.Files
		for j := range files {
			if err := f(&files[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Encode returns the description object.
func (d *Description) Encode() ([]byte, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	out := fmt.Appendf(nil, header, Version, crc32.Checksum(body, castagnoli), len(body))
	return append(out, body...), nil
}

// Decode reads a description object; name is for errors. What is not exactly what
// Encode wrote is a *binlog.CorruptionError.
func Decode(name string, object []byte) (*Description, error) {
	corrupt := func(offset int, format string, args ...any) error {
		return &binlog.CorruptionError{Object: name, Offset: int64(offset), Reason: fmt.Sprintf(format, args...)}
	}
	end := bytes.IndexByte(object, '\n') + 1
	body := object[end:]
	var version, length int
	var crc uint32
	if _, err := fmt.Sscanf(string(object[:end]), header, &version, &crc, &length); err != nil {
		return nil, corrupt(0, "no description of a backup begins here")
	}
	if version != Version {
		return nil, corrupt(0, "version %d is not known", version)
	}
	// Compared as bytes: Sscanf is lenient about spaces and case.
	if want := fmt.Sprintf(header, version, crc32.Checksum(body, castagnoli), len(body)); want != string(object[:end]) {
		return nil, corrupt(end, "description does not match its checksum")
	}
	d := &Description{}
	if err := json.Unmarshal(body, d); err != nil {
		return nil, corrupt(end, "%v", err)
	}
	for i := range d.Segments {
		if d.Segments[i].Manifest == nil {
			return nil, corrupt(end, "segment %d has no manifest", i)
		}
	}
	return d, nil
}
