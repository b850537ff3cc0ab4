package pgwire

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgproto3/v2"

	"quiver/sql/sqlerr"
)

// TestReportAnyText: whatever an error quotes, its message is one that a client reads.
func TestReportAnyText(t *testing.T) {
	const bad = "a\x00b\xff\xfe\xe4\xb8"
	e := sqlerr.New(sqlerr.BadCopyFileFormat, bad).WithDetail(bad).WithHint(bad).WithContext(bad).WithColumn(bad)
	e.Schema, e.Table, e.DataType, e.Constraint = bad, bad, bad, bad
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		defer server.Close()
		c := NewConn(server)
		_, _, _ = c.Error(e), c.Notice(e), c.ReadyForQuery('I')
	}()
	sent, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	in := pgproto3.NewFrontend(pgproto3.NewChunkReader(bytes.NewReader(sent)), nil)
	for range 2 {
		m, err := in.Receive()
		if err != nil {
			t.Fatal(err)
		}
		got, ok := m.(*pgproto3.ErrorResponse)
		if notice, is := m.(*pgproto3.NoticeResponse); is {
			got, ok = (*pgproto3.ErrorResponse)(notice), true
		}
		if !ok {
			t.Fatalf("%T", m)
		}
		fields := []string{got.Message, got.Detail, got.Hint, got.Where, got.ColumnName, got.SchemaName, got.TableName, got.DataTypeName, got.ConstraintName}
		for i, f := range fields {
			if f != "a\uFFFDb\uFFFD" || !utf8.ValidString(f) || strings.Contains(f, "\x00") {
				t.Errorf("field %d is %q", i, f)
			}
		}
	}
	if m, err := in.Receive(); err != nil {
		t.Fatal(err)
	} else if _, ok := m.(*pgproto3.ReadyForQuery); !ok {
		t.Fatalf("%T", m)
	}
}
