package planner

import (
	"context"
	"testing"

	"quiver/sql/parse"
)

// TestSmoke plans one statement of each shape of the SQL slice.
func TestSmoke(t *testing.T) {
	v := newTestView()
	v.exec(t, `CREATE TABLE items (id int8 PRIMARY KEY, name text NOT NULL, price numeric(10,2) DEFAULT 1.5, v vector(3), n int4);
CREATE TABLE tags (item_id int8, tag varchar(20), w float8); CREATE TABLE auto (id int4 GENERATED ALWAYS AS IDENTITY, d int4 CHECK (d > 0));
CREATE PARTITION hot ON items`)
	for _, text := range []string{
		"SELECT 1", "SELECT 1 + 2 AS x, 'a' || 'b', NULL", "SELECT * FROM items", "SELECT id, name FROM items WHERE id = 5",
		"SELECT id FROM items WHERE id = $1", "SELECT name FROM items WHERE price > 3 ORDER BY n DESC, id LIMIT 5 OFFSET 2",
		"SELECT id FROM items ORDER BY v <-> '[1,2,3]' LIMIT 5", "SELECT id, v <=> $1 AS d FROM items WHERE n > 3 ORDER BY v <=> $1 LIMIT $2",
		"INSERT INTO items VALUES (1, 'a', 2.5, '[1,2,3]', 4)", "INSERT INTO items (id, name) VALUES ($1, $2), (3, DEFAULT) RETURNING *",
		"INSERT INTO items SELECT item_id, tag FROM tags",
		"INSERT INTO items (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = items.n + 1 WHERE items.n > 2",
		"UPDATE items SET n = n + 1, name = 'b' WHERE id = 3 RETURNING id, n", "UPDATE items SET (n, name) = (1, 'x') FROM tags WHERE tags.item_id = items.id",
		"UPDATE items i SET (n, name) = (SELECT 1, tag FROM tags WHERE item_id = i.id)",
		"DELETE FROM items WHERE id = 1", "DELETE FROM items USING tags WHERE tags.item_id = items.id RETURNING items.*, tag",
		"SELECT count(*) FROM items", "SELECT n, count(*), sum(price) FILTER (WHERE n > 1) FROM items GROUP BY n HAVING count(*) > 1 ORDER BY 2 DESC",
		"SELECT id, name, count(tag) FROM items JOIN tags ON item_id = id GROUP BY id", "SELECT i.*, t.tag FROM items i LEFT JOIN tags t ON t.item_id = i.id WHERE t.w > 1",
		"SELECT * FROM items NATURAL JOIN (SELECT item_id AS id, w FROM tags) s", "SELECT * FROM items FULL JOIN tags ON id = item_id",
		"SELECT * FROM items WHERE id IN (SELECT item_id FROM tags)", "SELECT * FROM items i WHERE EXISTS (SELECT FROM tags WHERE item_id = i.id AND w > 2)",
		"SELECT * FROM items WHERE id NOT IN (SELECT item_id FROM tags)", "SELECT id, (SELECT max(w) FROM tags WHERE item_id = i.id) FROM items i",
		"WITH a AS (SELECT id FROM items) SELECT * FROM a WHERE id > 3", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT sum(n) FROM r",
		"WITH d AS (DELETE FROM items RETURNING id) SELECT count(*) FROM d", "SELECT 1 UNION SELECT 2 UNION ALL SELECT 3.5 ORDER BY 1", "VALUES (1, 'a'), (2, NULL) ORDER BY 1 LIMIT 1",
		"SELECT DISTINCT n FROM items", "SELECT DISTINCT ON (n) n, id FROM items ORDER BY n, id DESC", "SELECT CASE WHEN n > 1 THEN 'x' ELSE name END FROM items",
		"SELECT coalesce(n, 0), nullif(n, 1), greatest(1, 2.5), n IS NULL, n BETWEEN 1 AND 2, name LIKE 'a%' FROM items",
		"SELECT * FROM items WHERE id = ANY($1)", "SELECT * FROM items WHERE id IN (1,2,3) AND n NOT IN (4,5)", "SELECT (ARRAY[1,2,3])[2], ARRAY['a'], '{1,2}'::int[]",
		"SELECT (1,2) < (3,4), ROW(1,'a')",
		"SELECT * FROM items, LATERAL (SELECT * FROM tags WHERE item_id = items.id LIMIT 1) t", "SELECT id FROM items FOR UPDATE", "SELECT * FROM hot", "INSERT INTO hot (id, name) VALUES (1, 'a')",
		"SELECT tableoid, items FROM items", "SELECT avg(v), sum(v) FROM items", "SELECT x FROM (VALUES (1),(2)) t(x)", "SELECT string_agg(name, ',' ORDER BY id) FROM items",
		"CREATE TABLE t (a int)", "EXPLAIN SELECT 1", "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM items",
		"SELECT length(name), lower(name), substr(name, 1, 2), round(price, 1) FROM items", "SELECT 1 WHERE false",
		"SELECT a.id FROM items a CROSS JOIN items b WHERE a.id = b.n", "SELECT n FROM items GROUP BY ROLLUP (n)",
	} {
		stmts, err := parse.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := Plan(context.Background(), stmts[0], v.options()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
