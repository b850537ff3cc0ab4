package storage

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"quiver/catalog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// benchWorld is an engine over real files with one table.
func benchWorld(b *testing.B) (*Engine, *catalog.Table) {
	b.Helper()
	ctx := context.Background()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	disk, err := vfs.NewOS(b.TempDir())
	check(err)
	c, err := catalog.OpenInMemory(ctx)
	check(err)
	log, err := wal.OpenFiles(disk, "wal", wal.FileOptions{Epoch: c.Epoch()})
	check(err)
	check(disk.MkdirAll("scratch"))
	e, err := Open(ctx, Options{Catalog: c, Log: log, Objects: objstore.NewDir(disk, "objects"), Clock: newStepClock(), Manual: true})
	check(err)
	b.Cleanup(func() {
		check(e.Close())
		check(log.Close())
		check(c.Close(ctx))
	})
	tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	check(err)
	table, index, part, err := newTestTable(ctx, tx.Catalog(), "a", 1)
	check(err)
	for _, d := range []catalog.Descriptor{table, index, part} {
		check(tx.Catalog().Put(d))
	}
	check(tx.Commit(ctx))
	return e, table
}

// BenchmarkCommit is one durable row a transaction, by concurrent sessions.
func BenchmarkCommit(b *testing.B) {
	for _, sessions := range []int{1, 16} {
		b.Run(fmt.Sprint(sessions), func(b *testing.B) {
			e, table := benchWorld(b)
			b.SetParallelism(sessions)
			b.ReportAllocs()
			b.ResetTimer()
			if sessions == 1 {
				for range b.N {
					commitOne(b, e, table)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					commitOne(b, e, table)
				}
			})
		})
	}
}

func commitOne(b *testing.B, e *Engine, table *catalog.Table) {
	ctx := context.Background()
	tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	if err == nil {
		_, _, err = tx.Insert(ctx, table, 0, columnsOf([]int64{int64(e.newIDs(1))}, []string{"name"}), false)
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad is batches of 1,000 rows of 400 bytes in one transaction.
func BenchmarkLoad(b *testing.B) {
	e, table := benchWorld(b)
	ctx := context.Background()
	tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	if err != nil {
		b.Fatal(err)
	}
	const rows = 1000
	names := make([]string, rows)
	for i := range names {
		names[i] = strings.Repeat("x", 400)
	}
	ids := make([]int64, rows)
	b.SetBytes(rows * 408)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		for i := range ids {
			ids[i] = int64(n*rows + i)
		}
		if _, _, err := tx.Insert(ctx, table, 0, columnsOf(ids, names), false); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPointRead reads a row by key: from memory, then from objects.
func BenchmarkPointRead(b *testing.B) {
	e, table := benchWorld(b)
	ctx := context.Background()
	tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	if err != nil {
		b.Fatal(err)
	}
	const rows = 10_000
	ids, names := make([]int64, rows), make([]string, rows)
	for i := range ids {
		ids[i], names[i] = int64(i), "name"
	}
	if _, _, err := tx.Insert(ctx, table, 0, columnsOf(ids, names), false); err != nil {
		b.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		b.Fatal(err)
	}
	key := encodedKey(777)
	read := func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
			if err != nil {
				b.Fatal(err)
			}
			s, err := tx.Snapshot(ctx)
			if err != nil {
				b.Fatal(err)
			}
			sc, err := s.Scan(ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Key: key})
			if err != nil {
				b.Fatal(err)
			}
			batch, err := sc.Next(ctx)
			if err != nil || batch == nil {
				b.Fatal("no row", err)
			}
			batch.Record.Release()
			s.Close()
			tx.Rollback()
		}
	}
	b.Run("growing", read)
	if err := e.Checkpoint(ctx); err != nil {
		b.Fatal(err)
	}
	b.Run("flushed", read)
}

// BenchmarkVectorSegments is what a search of a warm segment costs before it
// looks at a vector: untouched, with deletes, with a filter of few rows.
func BenchmarkVectorSegments(b *testing.B) {
	e, table := benchWorld(b)
	ctx := context.Background()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	const rows = 200_000
	tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	check(err)
	for from := 0; from < rows; from += 10_000 {
		ids, names := make([]int64, 10_000), make([]string, 10_000)
		for i := range ids {
			ids[i], names[i] = int64(from+i), "name"
		}
		_, _, err := tx.Insert(ctx, table, 0, columnsOf(ids, names), false)
		check(err)
	}
	check(tx.Commit(ctx))
	look := func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			tx, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
			check(err)
			s, err := tx.Snapshot(ctx)
			check(err)
			list, err := s.VectorSegments(ctx, VectorSpec{Scan: ScanSpec{Table: table}, Field: vectorField})
			check(err)
			for _, x := range list {
				_, err := x.Column(ctx)
				check(err)
				_, _, err = x.Visible(ctx)
				check(err)
				_, err = x.RowIDs(ctx, nil, []uint32{1, 100_000, 5000, 77, 12_000, 150_000, 3, 4, 199_999, 9})
				check(err)
				columns, err := x.Take(ctx, []catalog.FieldID{100}, []uint32{1, 100_000, 5000, 77, 12_000, 150_000, 3, 4, 199_999, 9})
				check(err)
				releaseAll(columns)
				check(x.Close())
			}
			s.Close()
			tx.Rollback()
		}
	}
	b.Run("memory", look)
	check(e.Checkpoint(ctx))
	b.Run("flushed", look)
	s, err := e.Begin(ctx, TxnOptions{Database: catalog.PostgresDatabaseOID})
	check(err)
	check(e.allShards()[0].deleteSome(ctx, s.(*txn), table, 1000))
	b.Run("deletes", look)
}

// deleteSome deletes n rows of a shard.
func (s *shard) deleteSome(ctx context.Context, tx *txn, table *catalog.Table, n int) error {
	var ids []RowID
	f := s.view.flushed[0]
	for pos := range n {
		id, err := f.rowID(ctx, pos*100)
		if err != nil {
			return err
		}
		ids = append(ids, RowID(id))
	}
	if err := tx.Delete(ctx, table, ids); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
