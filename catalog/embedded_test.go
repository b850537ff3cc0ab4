package catalog

import (
	"strconv"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
)

// TestMemberElectsItself: a member whose elections would begin after hours is ready
// all the same, also with so many writes in its log that etcd cuts the first of them
// while the member starts, and has the last write of its life before.
func TestMemberElectsItself(t *testing.T) {
	ctx, dir := testContext(t), t.TempDir()
	written := 0
	for life := range 8 {
		cfg, err := memberConfig(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg.TickMs = uint(time.Hour.Milliseconds())
		m := &member{}
		if err := m.start(ctx, cfg); err != nil {
			t.Fatal(err)
		}
		client := v3client.New(m.server)
		if life > 0 {
			got, err := client.Get(ctx, "last")
			if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != strconv.Itoa(written) {
				t.Errorf("life %d began with %v, %v; want %d", life, got, err, written)
			}
		}
		for range 40 {
			written++
			if _, err := client.Do(ctx, clientv3.OpPut("last", strconv.Itoa(written))); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.Close() // one without connections says that it was cancelled
		m.server.Stop()
	}
}
