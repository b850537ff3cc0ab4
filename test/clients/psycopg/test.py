"""psycopg2. Usage: python3 test.py HOST PORT"""
import sys
from decimal import Decimal

import psycopg2
import psycopg2.extras


def fails(connection, state, sql, args=()):
    with connection.cursor() as cur:
        try:
            cur.execute(sql, args)
        except psycopg2.Error as e:
            connection.rollback()
            assert e.pgcode == state, (e.pgcode, state, str(e))
            return e
    raise AssertionError("no error, want " + state)


def main(host, port):
    conn = psycopg2.connect(host=host, port=port, user="postgres", dbname="postgres")
    assert conn.server_version // 10000 == 15, conn.server_version
    cur = conn.cursor()
    cur.execute("CREATE EXTENSION IF NOT EXISTS vector")
    cur.execute("DROP TABLE IF EXISTS py_items")
    cur.execute("CREATE TABLE py_items (id bigserial PRIMARY KEY, name text, price numeric, tags text[], embedding vector(3))")
    conn.commit()
    for name, v in (("a", [1, 1, 1]), ("b", [2, 2, 2]), ("c", [1, 1, 2])):
        cur.execute("INSERT INTO py_items (name, price, tags, embedding) VALUES (%s, %s, %s, %s) RETURNING id",
                    (name, Decimal("1.50"), ["x", name], str(v)))
        assert cur.fetchone()[0] > 0
    conn.commit()
    cur.execute("SELECT name, price, tags, embedding FROM py_items ORDER BY embedding <-> %s LIMIT 2", ("[1,1,1]",))
    rows = cur.fetchall()
    assert rows == [("a", Decimal("1.50"), ["x", "a"], "[1,1,1]"), ("c", Decimal("1.50"), ["x", "c"], "[1,1,2]")], rows

    fails(conn, "22000", "INSERT INTO py_items (embedding) VALUES (%s)", ("[1,2]",))
    e = fails(conn, "23505", "INSERT INTO py_items (id) VALUES (1)")
    assert e.diag.constraint_name == "py_items_pkey" and e.diag.table_name == "py_items"
    fails(conn, "42703", "SELECT nosuch FROM py_items")

    cur.execute("DELETE FROM py_items")
    conn.rollback()
    cur.execute("SELECT count(*) FROM py_items")
    assert cur.fetchone() == (3,)

    # A server-side cursor, many rows in one statement, COPY.
    psycopg2.extras.execute_values(cur, "INSERT INTO py_items (name, embedding) VALUES %s",
                                   [("n%d" % i, "[%d,0,0]" % i) for i in range(100)])
    with conn.cursor("named") as named:
        named.itersize = 10
        named.execute("SELECT id FROM py_items ORDER BY id")
        assert len(named.fetchall()) == 103
    import io
    cur.copy_expert("COPY py_items (name, embedding) FROM STDIN", io.StringIO("copied\t[7,7,7]\n"))
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT name FROM py_items WHERE name = 'copied') TO STDOUT", out)
    assert out.getvalue() == "copied\n", out.getvalue()
    cur.execute("DROP TABLE py_items")
    conn.commit()
    conn.close()
    print("ok")


main(sys.argv[1], int(sys.argv[2]))
