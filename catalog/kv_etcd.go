package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// requestTimeout is after which a request counts as lost: etcd's own limit for
// a server that is slow but there is 5 s plus two elections.
const requestTimeout = 7 * time.Second

// EtcdKV is a KV over an etcd cluster, embedded or not.
type EtcdKV struct {
	client *clientv3.Client
	// member is the embedded server that client talks to; nil for another's.
	member *member
}

var _ KV = (*EtcdKV)(nil)

// DialEtcd connects to an etcd cluster (host:port each). It returns at once;
// while the cluster is away, requests are ErrUnavailable.
func DialEtcd(endpoints []string, log *slog.Logger) (*EtcdKV, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		DialTimeout:          requestTimeout,
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: 5 * time.Second,
		Logger:               etcdLogger(log, nil),
	})
	if err != nil {
		return nil, fmt.Errorf("catalog: etcd %s: %w", strings.Join(endpoints, ","), err)
	}
	return &EtcdKV{client: client}, nil
}

// do runs one request under the timeout and translates its error.
func (k *EtcdKV) do(ctx context.Context, f func(ctx context.Context) error) error {
	if k.member != nil {
		if err := k.member.failure(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return etcdError(f(ctx))
}

// WhileAlive returns a context that ends, with the reason, when the embedded etcd gives
// up: nobody needs to wait for its answer any more.
func (k *EtcdKV) WhileAlive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if k.member != nil {
		go func() {
			select {
			case <-k.member.ended:
				cancel(k.member.failure())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// lasting are the errors that trying again does not cure.
var lasting = []error{
	rpctypes.ErrEmptyKey, rpctypes.ErrTooManyOps, rpctypes.ErrDuplicateKey, rpctypes.ErrRequestTooLarge,
	rpctypes.ErrFutureRev, rpctypes.ErrLeaseTTLTooLarge, rpctypes.ErrUserEmpty, rpctypes.ErrAuthFailed,
	rpctypes.ErrPermissionDenied, rpctypes.ErrInvalidAuthToken,
}

// etcdError says what an error of etcd means to the catalog. What is not known
// better counts as unavailable: then callers look again instead of guessing.
func etcdError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpctypes.ErrCompacted):
		return ErrCompacted
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: etcd's space quota is exhausted; compact and defragment it, then disarm its alarm", ErrUnavailable)
	}
	for _, l := range lasting {
		if errors.Is(err, l) {
			return fmt.Errorf("catalog: %w", err)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Get returns the pair, or ErrNotFound.
func (k *EtcdKV) Get(ctx context.Context, key string) (kv KeyValue, err error) {
	err = k.do(ctx, func(ctx context.Context) error {
		resp, err := k.client.Get(ctx, key)
		if err != nil {
			return err
		}
		if len(resp.Kvs) > 0 {
			kv = KeyValue{key, resp.Kvs[0].Value, resp.Kvs[0].ModRevision}
		}
		return nil
	})
	if err == nil && kv.Key == "" {
		err = ErrNotFound
	}
	return kv, err
}

// rangePage keeps one answer far below gRPC's message limit of 4 MiB for
// descriptors of ordinary size.
const rangePage = 1000

// Range returns the pairs under prefix at one revision, page by page.
func (k *EtcdKV) Range(ctx context.Context, prefix string, rev int64) (kvs []KeyValue, at int64, err error) {
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		var resp *clientv3.GetResponse
		err := k.do(ctx, func(ctx context.Context) (err error) {
			resp, err = k.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithRev(rev), clientv3.WithLimit(rangePage),
				clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend))
			return err
		})
		if err != nil {
			return nil, 0, err
		}
		if rev == 0 {
			rev = resp.Header.Revision
		}
		for _, kv := range resp.Kvs {
			kvs = append(kvs, KeyValue{string(kv.Key), kv.Value, kv.ModRevision})
		}
		if !resp.More {
			return kvs, rev, nil
		}
		from = kvs[len(kvs)-1].Key + "\x00"
	}
}

// Txn applies ops if every guard holds.
func (k *EtcdKV) Txn(ctx context.Context, guards []Compare, ops []Op) (rev int64, err error) {
	if err := checkTxn(guards, ops); err != nil {
		return 0, err
	}
	cmps := make([]clientv3.Cmp, len(guards))
	for i, g := range guards {
		cmps[i] = etcdCompare(g)
	}
	then := make([]clientv3.Op, len(ops))
	for i, op := range ops {
		then[i] = etcdOp(op)
	}
	var ok bool
	attempt := func(ctx context.Context) error {
		resp, err := k.client.Txn(ctx).If(cmps...).Then(then...).Commit()
		if err == nil {
			rev, ok = resp.Header.Revision, resp.Succeeded
		}
		return err
	}
	err = k.do(ctx, func(ctx context.Context) error {
		err := attempt(ctx)
		if errors.Is(err, rpctypes.ErrNoSpace) && k.member != nil {
			if err := k.member.makeSpace(ctx, k.client); err != nil {
				return err
			}
			err = attempt(ctx)
		}
		return err
	})
	if err == nil && !ok {
		err = ErrConflict
	}
	return rev, err
}

func etcdCompare(g Compare) clientv3.Cmp {
	switch g.Kind {
	case CompareAbsent:
		return clientv3.Compare(clientv3.CreateRevision(g.Key), "=", 0)
	case CompareExists:
		return clientv3.Compare(clientv3.CreateRevision(g.Key), "!=", 0)
	case CompareValue:
		return clientv3.Compare(clientv3.Value(g.Key), "=", string(g.Value))
	}
	return clientv3.Compare(clientv3.ModRevision(g.Key), "=", g.Revision)
}

func etcdOp(op Op) clientv3.Op {
	switch {
	case op.Delete && op.Prefix:
		return clientv3.OpDelete(op.Key, clientv3.WithPrefix())
	case op.Delete:
		return clientv3.OpDelete(op.Key)
	case op.Lease != 0:
		return clientv3.OpPut(op.Key, string(op.Value), clientv3.WithLease(clientv3.LeaseID(op.Lease)))
	}
	return clientv3.OpPut(op.Key, string(op.Value))
}

// Watch sends the changes under prefix from rev on until ctx ends.
func (k *EtcdKV) Watch(ctx context.Context, prefix string, rev int64) <-chan Event {
	out := make(chan Event)
	send := func(e Event) bool {
		select {
		case out <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(out)
		for resp := range k.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(rev)) {
			for _, e := range resp.Events {
				kv := KeyValue{string(e.Kv.Key), e.Kv.Value, e.Kv.ModRevision}
				if !send(Event{KeyValue: kv, Deleted: e.Type == clientv3.EventTypeDelete}) {
					return
				}
			}
			if err := resp.Err(); err != nil {
				send(Event{Err: etcdError(err)})
				return
			}
		}
		if ctx.Err() == nil {
			send(Event{Err: ErrUnavailable})
		}
	}()
	return out
}

// Grant makes a lease.
func (k *EtcdKV) Grant(ctx context.Context, ttlSeconds int64) (lease int64, err error) {
	err = k.do(ctx, func(ctx context.Context) error {
		resp, err := k.client.Grant(ctx, ttlSeconds)
		if err == nil {
			lease = int64(resp.ID)
		}
		return err
	})
	return lease, err
}

// KeepAlive renews a lease once.
func (k *EtcdKV) KeepAlive(ctx context.Context, lease int64) error {
	return k.do(ctx, func(ctx context.Context) error {
		_, err := k.client.KeepAliveOnce(ctx, clientv3.LeaseID(lease))
		return err
	})
}

// Revoke ends a lease and its keys.
func (k *EtcdKV) Revoke(ctx context.Context, lease int64) error {
	return k.do(ctx, func(ctx context.Context) error {
		_, err := k.client.Revoke(ctx, clientv3.LeaseID(lease))
		return err
	})
}

// Close ends the client, and the embedded server with it.
func (k *EtcdKV) Close() error {
	err := k.client.Close()
	if errors.Is(err, context.Canceled) { // how a client without connections closes
		err = nil
	}
	if k.member != nil {
		k.member.close()
	}
	return err
}
