package objstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// retryPolicy says how often a request is tried again.
type retryPolicy struct {
	// first and most bound the pause between tries, which doubles.
	first, most time.Duration
	// total ends the tries, as does the context's deadline.
	total time.Duration
}

var defaultRetry = retryPolicy{first: 50 * time.Millisecond, most: 2 * time.Second, total: 20 * time.Second}

// finalError is one that trying again does not help.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(err error) error {
	if err == nil {
		return nil
	}
	return finalError{err}
}

func unwrapFinal(err error) error {
	var f finalError
	if errors.As(err, &f) {
		return f.error
	}
	return err
}

// do calls f until it succeeds, fails for good, or time is up: then the answer
// is ErrUnavailable with the last error.
func (p retryPolicy) do(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(p.total)
	for pause := p.first; ; pause = min(2*pause, p.most) {
		err := f()
		var isFinal finalError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &isFinal):
			return isFinal.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		wait := pause/2 + rand.N(pause) // spread, so that many do not come at once
		if time.Now().Add(wait).After(deadline) {
			return unavailable(err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// response returns the server's answer in err; the zero one if there was none.
func response(err error) (r minio.ErrorResponse) {
	errors.As(err, &r)
	return r
}

// wrap makes a sentinel of an answer that has one. Answers of the server that
// say the request is wrong are final; that it is busy, broken or silent is not.
func (s *S3) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	r := response(err)
	switch {
	case r.Code == "NoSuchKey":
		return final(fmt.Errorf("%w: %s", ErrNotFound, what))
	case r.Code == "ConditionalRequestConflict", // another conditional write of the key is under way
		r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout, r.Code == "RequestTimeout", r.Code == "SlowDown",
		r.StatusCode >= 500 && r.StatusCode != http.StatusNotImplemented:
		return fmt.Errorf("objstore: %s: %w", what, err)
	case r.StatusCode >= 400:
		return final(fmt.Errorf("objstore: %s: %w", what, err))
	}
	return fmt.Errorf("objstore: %s: %w", what, err)
}
