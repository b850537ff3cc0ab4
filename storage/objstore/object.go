package objstore

import (
	"fmt"
	"net/url"
	"strings"
)

// OpenObject opens the store of an object named by a URL,
//
//	s3://bucket/key?endpoint=host:port&…
//
// with the parameters of NewS3, and returns it with the object's key. Nothing is
// made and nothing probed: the bucket may be another's.
func OpenObject(target string) (Store, string, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, "", fmt.Errorf("object %q: want s3://bucket/key", target)
	}
	// The path is taken as it is written: keys hold ? as a pattern, too, but then
	// as %3F.
	key := strings.TrimPrefix(u.Path, "/")
	if err := checkKey(key); err != nil {
		return nil, "", err
	}
	u.Path, u.RawPath = "", ""
	s, err := newS3(u.String())
	if err != nil {
		return nil, "", err
	}
	return s, key, nil
}
