package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// putSingleBytesMax is the largest object stored by one PUT; larger ones go in
// parts.
const putSingleBytesMax = 64 << 20

// putTokenHeader is the user metadata by which PutIfAbsent knows its own object
// again after a lost reply.
const putTokenHeader = "Quiver-Put"

// S3 is a Store over the S3 protocol: MinIO, AWS S3, OSS.
type S3 struct {
	client    *minio.Client
	core      *minio.Core
	transport *http.Transport
	bucket    string
	url       string
	retry     retryPolicy
}

// NewS3 opens the bucket of
//
//	s3://bucket?endpoint=host:port&region=us-east-1&secure=false&path_style=true
//
// Without endpoint it is that of AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, and
// without these AWS itself; the region is else that of AWS_REGION or
// AWS_DEFAULT_REGION; secure is true unless said otherwise, here or by the
// scheme of the variable. A bucket is addressed by path at an endpoint that is
// given, as most servers expect, and by host name at AWS and at Alibaba's OSS,
// which expect that. Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN, authorities beyond the system's from the file
// AWS_CA_BUNDLE. The bucket is made if it is missing. A store that ignores If-None-Match is
// refused: two owners could overwrite each other's objects on it.
func NewS3(ctx context.Context, target string) (*S3, error) {
	s, err := newS3(target)
	if err != nil {
		return nil, err
	}
	if err := s.ensureBucket(ctx); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.probe(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// s3Config is what a URL says.
type s3Config struct {
	bucket, endpoint, region string
	secure, pathStyle        bool
}

func parseS3URL(target string) (*s3Config, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("object store %q: %w", target, err)
	}
	bad := func(format string, args ...any) (*s3Config, error) {
		return nil, fmt.Errorf("object store %q: %s", target, fmt.Sprintf(format, args...))
	}
	if u.Scheme != "s3" || u.Host == "" {
		return bad("want s3://bucket?endpoint=host:port")
	}
	if u.Path != "" && u.Path != "/" || u.User != nil || u.Fragment != "" {
		return bad("only a bucket is taken, no path and no credentials")
	}
	if err := s3utils.CheckValidBucketName(u.Host); err != nil {
		return bad("%v", err)
	}
	c := &s3Config{bucket: u.Host, endpoint: "s3.amazonaws.com", secure: true}
	if err := c.fromEnvironment(); err != nil {
		return bad("%v", err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("%v", err)
	}
	for name, values := range query {
		value := values[0]
		switch name {
		case "endpoint":
			c.setEndpoint(value)
		case "region":
			c.region = value
		case "secure", "path_style":
		default:
			return bad("unknown parameter %q", name)
		}
	}
	for name, to := range map[string]*bool{"secure": &c.secure, "path_style": &c.pathStyle} {
		if !query.Has(name) {
			continue
		}
		if *to, err = strconv.ParseBool(query.Get(name)); err != nil {
			return bad("%s is true or false", name)
		}
	}
	return c, nil
}

func newS3(target string) (*S3, error) {
	c, err := parseS3URL(target)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(c.secure)
	if err != nil {
		return nil, err
	}
	transport.DialContext = notSilent((&net.Dialer{Timeout: dialMax}).DialContext, silenceMax)
	if err := trustBundle(transport); err != nil {
		return nil, fmt.Errorf("object store %q: %w", target, err)
	}
	lookup := minio.BucketLookupDNS
	if c.pathStyle {
		lookup = minio.BucketLookupPath
	}
	options := &minio.Options{
		Creds: credentials.NewEnvAWS(), Secure: c.secure, Transport: transport, Region: c.region, BucketLookup: lookup,
		MaxRetries: 1, // retry.go does it, with a deadline
	}
	client, err := minio.New(c.endpoint, options)
	if err != nil {
		return nil, fmt.Errorf("object store %q: %w", target, err)
	}
	return &S3{
		client: client, core: &minio.Core{Client: client}, transport: transport,
		bucket: c.bucket, url: "s3://" + c.bucket + "?endpoint=" + c.endpoint, retry: defaultRetry,
	}, nil
}

// Close drops idle connections.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// URL names bucket and endpoint.
func (s *S3) URL() string { return s.url }

func (s *S3) ensureBucket(ctx context.Context) error {
	return s.retry.do(ctx, func() error {
		ok, err := s.client.BucketExists(ctx, s.bucket)
		if err != nil || ok {
			return s.wrap("bucket", err)
		}
		err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{})
		if code := response(err).Code; code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists" {
			return nil // another start was faster; whose it is shows at the probe
		}
		return s.wrap("make bucket", err)
	})
}

// probe checks that a conditional write is refused where an object exists.
func (s *S3) probe(ctx context.Context) error {
	key := "meta/probe/" + uuid.NewString()
	if err := s.PutIfAbsent(ctx, key, []byte("first")); err != nil {
		return fmt.Errorf("object store %s cannot be written: %w", s.url, err)
	}
	defer func() { _ = s.Delete(ctx, key) }() // a probe left behind harms nobody
	err := s.PutIfAbsent(ctx, key, []byte("second"))
	switch {
	case errors.Is(err, ErrExists):
		return nil
	case err == nil || response(err).Code == "NotImplemented":
		return fmt.Errorf("object store %s does not support conditional writes (If-None-Match), which Quiver needs", s.url)
	}
	return err
}

// Put stores an object by one PUT or in parts.
func (s *S3) Put(ctx context.Context, key string, body io.Reader, size int64) error {
	if err := checkKey(key); err != nil {
		return err
	}
	seeker, ok := body.(io.ReadSeeker)
	if !ok {
		if size > putSingleBytesMax {
			return s.putStream(ctx, key, body, size)
		}
		data, err := io.ReadAll(io.LimitReader(body, size+1))
		if err != nil {
			return err
		}
		seeker = bytes.NewReader(data)
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end-start != size {
		return wrongSize(size)
	}
	return s.retry.do(ctx, func() error {
		if _, err := seeker.Seek(start, io.SeekStart); err != nil {
			return final(err)
		}
		return s.put(ctx, key, seeker, size)
	})
}

func wrongSize(size int64) error {
	return fmt.Errorf("objstore: body has not the %d bytes that were promised", size)
}

// putStream stores a large body that can be read only once.
func (s *S3) putStream(ctx context.Context, key string, body io.Reader, size int64) error {
	if err := s.put(ctx, key, io.LimitReader(body, size), size); err != nil {
		return unwrapFinal(err)
	}
	if n, _ := body.Read(make([]byte, 1)); n > 0 {
		return errors.Join(wrongSize(size), s.Delete(ctx, key))
	}
	return nil
}

func (s *S3) put(ctx context.Context, key string, body io.Reader, size int64) error {
	_, err := s.client.PutObject(ctx, s.bucket, key, body, size, minio.PutObjectOptions{DisableMultipart: size <= putSingleBytesMax})
	return s.wrap(key, err)
}

// PutIfAbsent stores an object under If-None-Match: *. The answer 412 may be to
// a retry of a request that was carried out: the token tells.
func (s *S3) PutIfAbsent(ctx context.Context, key string, data []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	token := uuid.NewString()
	options := minio.PutObjectOptions{DisableMultipart: true, UserMetadata: map[string]string{putTokenHeader: token}}
	options.SetMatchETagExcept("*")
	return s.retry.do(ctx, func() error {
		_, err := s.client.PutObject(ctx, s.bucket, key, bytes.NewReader(data), int64(len(data)), options)
		if err == nil {
			return nil
		}
		if response(err).StatusCode == http.StatusPreconditionFailed {
			return s.settle(ctx, key, token)
		}
		return s.wrap(key, err)
	})
}

// settle says whose object it is that made a conditional write fail.
func (s *S3) settle(ctx context.Context, key, token string) error {
	info, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
	if err != nil {
		if err = s.wrap(key, err); errors.Is(err, ErrNotFound) {
			return fmt.Errorf("objstore: %s vanished while it was stored", key) // tried again
		}
		return err
	}
	if info.UserMetadata[putTokenHeader] == token {
		return nil
	}
	return final(fmt.Errorf("%w: %s", ErrExists, key))
}

// ReadAt reads a range of an object.
func (s *S3) ReadAt(ctx context.Context, key string, offset, length int64, dst []byte) (out []byte, err error) {
	if err := errors.Join(checkKey(key), checkRange(offset, length)); err != nil {
		return nil, err
	}
	if length == 0 {
		_, err := s.Head(ctx, key)
		return dst[:0], err
	}
	err = s.retry.do(ctx, func() (err error) {
		out, err = s.readAt(ctx, key, offset, length, dst)
		return err
	})
	return out, err
}

func (s *S3) readAt(ctx context.Context, key string, offset, length int64, dst []byte) ([]byte, error) {
	var options minio.GetObjectOptions
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, final(err)
	}
	body, info, _, err := s.core.GetObject(ctx, s.bucket, key, options)
	if err != nil {
		if response(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
			return dst[:0], final(io.EOF)
		}
		return nil, s.wrap(key, err)
	}
	defer body.Close()
	// info.Size is of the part that is sent.
	if info.Size < 0 || info.Size > length {
		return nil, final(fmt.Errorf("objstore: %s: %d bytes were sent for %d", key, info.Size, length))
	}
	dst = room(dst, info.Size)
	n, err := io.ReadFull(body, dst)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the answer broke off: %w", ErrUnavailable, key, err)
	}
	if int64(n) < length {
		return dst[:n], final(io.EOF)
	}
	return dst[:n], nil
}

// Head is an object's size.
func (s *S3) Head(ctx context.Context, key string) (info ObjectInfo, err error) {
	if err := checkKey(key); err != nil {
		return info, err
	}
	err = s.retry.do(ctx, func() error {
		stat, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
		info = ObjectInfo{Key: key, Size: stat.Size}
		return s.wrap(key, err)
	})
	return info, err
}

// List lists objects page by page. A failed page is not asked for again: what
// was reported cannot be taken back, and callers list to clean up.
func (s *S3) List(ctx context.Context, prefix string, f func(ObjectInfo) error) error {
	ctx, cancel := context.WithCancel(ctx)
	objects := s.client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
	defer func() {
		cancel()
		for range objects { // ends the goroutine behind
		}
	}()
	for o := range objects {
		if o.Err != nil {
			return unwrapFinal(s.wrap(prefix, o.Err))
		}
		if err := f(ObjectInfo{Key: o.Key, Size: o.Size}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Delete removes an object.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return s.retry.do(ctx, func() error {
		err := s.wrap(key, s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{}))
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	})
}
