package objstore

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"quiver/storage/vfs"
)

// OpenPlace opens a place in a store that belongs to nobody alone, such as where
// backups lie: file:///directory, or s3://bucket/prefix?endpoint=… (see NewS3).
// Nothing is made or probed, unless create is set.
func OpenPlace(ctx context.Context, target string, create bool) (Store, error) {
	scheme, _, _ := strings.Cut(target, ":")
	switch scheme {
	case "file":
		return openPlaceDir(target, create)
	case "s3":
		bucket, prefix, err := splitPrefix(target)
		if err != nil {
			return nil, err
		}
		open := func() (*S3, error) { return newS3(bucket) }
		if create {
			open = func() (*S3, error) { return NewS3(ctx, bucket) }
		}
		s, err := open()
		if err != nil {
			return nil, err
		}
		return WithPrefix(s, prefix), nil
	}
	return nil, fmt.Errorf("%q is no URL of an object store: want file:///directory or s3://bucket/prefix?endpoint=host:port", target)
}

func openPlaceDir(target string, create bool) (Store, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q: want file:///directory with an absolute path", target)
	}
	dir := path.Clean(u.Path)
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is no directory", dir)
	}
	fsys, err := vfs.NewOS(dir)
	if err != nil {
		return nil, err
	}
	return NewSharedDir(fsys, "file://"+dir), nil
}

// splitPrefix takes the path out of an s3 URL.
func splitPrefix(target string) (bucket, prefix string, err error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", "", err
	}
	prefix = strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := checkKey(prefix); err != nil {
			return "", "", err
		}
	}
	u.Path, u.RawPath = "", ""
	return u.String(), prefix, nil
}
