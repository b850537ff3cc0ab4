package main

import (
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// search is ask without keeping the rows: the messages that libpq sends for a
// prepared statement, and the answer up to its end. What a client does besides takes
// processors from the server, which shares the machine.
func (w *wire) search(c *pgconn.PgConn, q int) error {
	bind := w.bind(q)
	f := c.Frontend()
	f.SendBind(&bind)
	f.SendDescribe(&pgproto3.Describe{ObjectType: 'P'})
	f.SendExecute(&pgproto3.Execute{})
	f.SendSync(&pgproto3.Sync{})
	if err := f.Flush(); err != nil {
		return err
	}
	var failed error
	for {
		m, err := f.Receive()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			failed = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			return failed
		}
	}
}

// bind gives the prepared statement the parameters of a query.
func (w *wire) bind(q int) pgproto3.Bind {
	b := pgproto3.Bind{
		PreparedStatement: "nearest", ParameterFormatCodes: []int16{1}, ResultFormatCodes: []int16{1},
		Parameters: [][]byte{w.queries[q]},
	}
	if w.more != nil {
		b.ParameterFormatCodes = []int16{1, 0}
		b.Parameters = append(b.Parameters, []byte(w.more(q)))
	}
	return b
}
