-- Tables, then after the blank line queries, one a line: the same rows come back
-- with each rule of the planner switched off.
CREATE TABLE a (id int8 primary key, x int4, s text, f float8, d numeric(10,2), g int4)
CREATE TABLE b (id int4 primary key, a_id int8, y int4, t varchar(20), ok bool)
CREATE TABLE c (k text, v int4, n int8)
INSERT INTO a VALUES (1,10,'one',1.5,1.25,1),(2,20,'two',2.5,2.50,1),(3,NULL,'three',NULL,3.75,2),(4,40,NULL,4.5,NULL,2),(5,50,'five',5.5,5.00,3),(6,10,'six',6.5,6.10,NULL)
INSERT INTO b VALUES (1,1,5,'alpha',true),(2,1,6,'beta',false),(3,2,NULL,'gamma',NULL),(4,NULL,8,'delta',true),(5,9,9,NULL,false),(6,3,10,'zeta',true)
INSERT INTO c VALUES ('p',1,100),('q',2,NULL),('p',3,300),(NULL,4,400),('r',1,100)
CREATE TABLE p (id int4 primary key, v vector(3))
INSERT INTO p VALUES (1,'[1,2,3]'),(2,'[2,2,2]'),(3,'[9,1,4]'),(4,'[0,0,1]')

SELECT a.id, b.id FROM a JOIN b ON a.id = b.a_id ORDER BY 1,2
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id ORDER BY 1,2
SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.a_id ORDER BY 1,2
SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id ORDER BY 1,2
SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id AND b.y > 5 ORDER BY 1,2
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id AND a.x > 10 ORDER BY 1,2
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.y > 5 ORDER BY 1,2
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id WHERE b.y IS NULL ORDER BY 1,2
SELECT a.id, b.id FROM a LEFT JOIN b ON a.id = b.a_id WHERE coalesce(b.y,0) < 6 ORDER BY 1,2
SELECT a.id, b.id FROM a RIGHT JOIN b ON a.id = b.a_id WHERE a.x = 10 ORDER BY 1,2
SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id WHERE a.x > 5 ORDER BY 1,2
SELECT a.id, b.id FROM a FULL JOIN b ON a.id = b.a_id WHERE b.y > 5 ORDER BY 1,2
SELECT a.id, b.id FROM a, b WHERE a.id < b.id AND a.x > b.y ORDER BY 1,2
SELECT a.id, b.id, c.k FROM a JOIN b ON a.id = b.a_id LEFT JOIN c ON c.v = b.id ORDER BY 1,2,3
SELECT * FROM a JOIN (SELECT id, count(*) AS n FROM b GROUP BY id) q USING (id) ORDER BY id
SELECT id FROM a JOIN b USING (id) ORDER BY id
SELECT id, a.x, b.y FROM a FULL JOIN b USING (id) ORDER BY id
SELECT id, a.id, b.id FROM a LEFT JOIN b USING (id) ORDER BY 1
SELECT * FROM a NATURAL JOIN b ORDER BY 1
SELECT * FROM a NATURAL JOIN c ORDER BY 1 LIMIT 3
SELECT id FROM a WHERE id IN (SELECT a_id FROM b) ORDER BY 1
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b) ORDER BY 1
SELECT id FROM a WHERE id NOT IN (SELECT a_id FROM b WHERE a_id IS NOT NULL) ORDER BY 1
SELECT id FROM a WHERE x NOT IN (SELECT y FROM b WHERE y IS NOT NULL) ORDER BY 1
SELECT id FROM a WHERE x NOT IN (SELECT y FROM b WHERE false) ORDER BY 1
SELECT id FROM a WHERE x IN (SELECT y FROM b WHERE b.a_id = a.id) ORDER BY 1
SELECT id FROM a WHERE x > ANY (SELECT y FROM b) ORDER BY 1
SELECT id FROM a WHERE x > ALL (SELECT y FROM b WHERE y IS NOT NULL) ORDER BY 1
SELECT id FROM a WHERE x > ALL (SELECT y FROM b) ORDER BY 1
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.y > 5) ORDER BY 1
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND b.y > 5) ORDER BY 1
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b JOIN c ON c.v = b.id WHERE b.a_id = a.id) ORDER BY 1
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND EXISTS (SELECT 1 FROM c WHERE c.v = b.id AND c.n > a.x)) ORDER BY 1
SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b) ORDER BY 1
SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE y > 100) ORDER BY 1
SELECT id FROM a WHERE EXISTS (SELECT count(*) FROM b WHERE b.a_id = a.id) ORDER BY 1
SELECT id FROM a WHERE (id, x) IN (SELECT a_id, y + 5 FROM b) ORDER BY 1
SELECT id FROM a WHERE id IN (SELECT a_id FROM b WHERE b.t LIKE '%a' ORDER BY y LIMIT 2) ORDER BY 1
SELECT id, (SELECT max(y) FROM b WHERE b.a_id = a.id) FROM a ORDER BY 1
SELECT id, (SELECT count(*) FROM b WHERE b.a_id = a.id) AS n FROM a ORDER BY n DESC, id
SELECT id, (SELECT t FROM b WHERE b.id = a.id), ARRAY(SELECT y FROM b WHERE b.a_id = a.id ORDER BY y) FROM a ORDER BY 1
SELECT id, x IN (SELECT y + 5 FROM b) FROM a ORDER BY 1
SELECT id, x = ANY (ARRAY[10,20]), x <> ALL ('{10,20}') FROM a ORDER BY 1
SELECT g, count(*), sum(x), avg(x), min(s), max(f) FROM a GROUP BY g ORDER BY g
SELECT g, count(*) FROM a GROUP BY g HAVING count(*) > 1 ORDER BY g
SELECT g % 2 AS p, sum(d) FROM a GROUP BY p ORDER BY p
SELECT g % 2, sum(d) FROM a GROUP BY 1 ORDER BY 1
SELECT g % 2 + 1, count(x) FROM a GROUP BY g % 2 ORDER BY 1
SELECT a.id, a.s, count(b.id) FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id ORDER BY a.id
SELECT count(DISTINCT g), count(g), count(*) FROM a
SELECT sum(x) FILTER (WHERE g = 1), string_agg(s, ',' ORDER BY s DESC), array_agg(x ORDER BY id) FROM a
SELECT g, x, count(*) FROM a GROUP BY ROLLUP (g, x) ORDER BY g, x, 3
SELECT g, x, count(*), grouping(g, x) FROM a GROUP BY CUBE (g, x) ORDER BY g, x, 3, 4
SELECT g, x, sum(d) FROM a GROUP BY GROUPING SETS ((g), (x), ()) ORDER BY g, x, 3
SELECT max(x) FROM a WHERE false
SELECT 1 FROM a HAVING count(*) > 3
SELECT count(*) FROM (SELECT DISTINCT g FROM a) q
SELECT DISTINCT g FROM a ORDER BY g NULLS FIRST
SELECT DISTINCT g, x FROM a ORDER BY x DESC, g
SELECT DISTINCT ON (g) g, id FROM a ORDER BY g, id DESC
SELECT DISTINCT ON (g) id FROM a ORDER BY g DESC NULLS LAST, id
SELECT id FROM a ORDER BY x NULLS FIRST, id DESC LIMIT 3 OFFSET 1
SELECT id FROM a ORDER BY -x LIMIT 2
SELECT id AS k FROM a ORDER BY k DESC FETCH FIRST 2 ROWS ONLY
SELECT id FROM a ORDER BY g FETCH FIRST 1 ROWS WITH TIES
SELECT id FROM a ORDER BY 1 LIMIT ALL OFFSET 4
SELECT x FROM a UNION SELECT y FROM b ORDER BY 1
SELECT x FROM a UNION ALL SELECT y FROM b ORDER BY 1 NULLS FIRST
SELECT x FROM a INTERSECT SELECT y + 5 FROM b ORDER BY 1
SELECT x FROM a EXCEPT SELECT y + 5 FROM b ORDER BY 1
SELECT g FROM a EXCEPT ALL SELECT 1 ORDER BY 1
SELECT g FROM a INTERSECT ALL SELECT v FROM c ORDER BY 1
SELECT * FROM (SELECT id, x FROM a UNION ALL SELECT id, y FROM b) u WHERE x > 8 ORDER BY 1,2
SELECT * FROM (SELECT x FROM a EXCEPT SELECT 20) u WHERE x < 50 ORDER BY 1
(SELECT id FROM a ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM b ORDER BY id DESC LIMIT 1) ORDER BY 1
SELECT 1 UNION SELECT 2.5 UNION ALL SELECT NULL ORDER BY 1
SELECT 'a' UNION SELECT NULL ORDER BY 1
WITH q AS (SELECT id, x FROM a WHERE x > 10) SELECT * FROM q ORDER BY 1
WITH q AS (SELECT g, count(*) AS n FROM a GROUP BY g), r AS (SELECT max(n) AS m FROM q) SELECT g FROM q, r WHERE n = m ORDER BY 1
WITH q AS MATERIALIZED (SELECT id FROM a) SELECT x.id, y.id FROM q x JOIN q y ON x.id = y.id - 1 ORDER BY 1
WITH RECURSIVE r(n, t) AS (SELECT 1, 'a' UNION ALL SELECT n + 1, t || 'b' FROM r WHERE n < 5) SELECT * FROM r ORDER BY 1
WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT (n * 2) % 7 FROM r) SELECT n FROM r ORDER BY 1
WITH RECURSIVE r AS (SELECT id, a_id FROM b WHERE id = 1 UNION ALL SELECT b.id, b.a_id FROM b JOIN r ON b.id = r.id + 1) SELECT id FROM r ORDER BY 1
WITH q(a, b) AS (VALUES (1, 'x'), (2, 'y')) SELECT b FROM q WHERE a = 2
SELECT * FROM (VALUES (1, 'a'), (2, NULL), (NULL, 'c')) v(n, s) ORDER BY n
VALUES (3, 'c'), (1, 'a') ORDER BY 1
SELECT * FROM a, LATERAL (SELECT y FROM b WHERE b.a_id = a.id ORDER BY y LIMIT 1) q ORDER BY a.id
SELECT a.id, q.y FROM a LEFT JOIN LATERAL (SELECT y FROM b WHERE b.a_id = a.id ORDER BY y LIMIT 1) q ON true ORDER BY a.id
SELECT a.id, n FROM a, generate_series(1, a.g) n ORDER BY 1, 2
SELECT a.id, e, o FROM a, unnest(ARRAY[a.x, a.g]) WITH ORDINALITY u(e, o) ORDER BY 1, 3
SELECT * FROM unnest(ARRAY[1,2,3], ARRAY['a','b']) AS t(n, s)
SELECT * FROM ROWS FROM (generate_series(1,2), generate_series(5,7)) AS t(p, q)
SELECT id, generate_series(1, g) FROM a ORDER BY 1, 2
SELECT generate_series(1,3), generate_series(1,2)
SELECT generate_series(1,3) + 10 ORDER BY 1 DESC
SELECT count(*) FROM (SELECT generate_series(1, g) FROM a) q
SELECT unnest(ARRAY['x','y'])
SELECT g FROM generate_series(1, 3) g WHERE g > 1
SELECT CASE WHEN x > 15 THEN 'big' WHEN x IS NULL THEN 'none' ELSE s END FROM a ORDER BY id
SELECT CASE g WHEN 1 THEN 'a' WHEN 2 THEN 'b' END FROM a ORDER BY id
SELECT coalesce(x, g, 0), nullif(x, 10), greatest(x, g), least(x, g, 15) FROM a ORDER BY id
SELECT id FROM a WHERE x BETWEEN 10 AND 20 ORDER BY 1
SELECT id FROM a WHERE x NOT BETWEEN SYMMETRIC 20 AND 10 ORDER BY 1
SELECT id FROM a WHERE x IN (10, 20, NULL) ORDER BY 1
SELECT id FROM a WHERE x NOT IN (10, 20) ORDER BY 1
SELECT id FROM a WHERE x NOT IN (10, NULL) ORDER BY 1
SELECT id FROM a WHERE s IN ('one', 'two') OR s IS NULL ORDER BY 1
SELECT id FROM a WHERE (id, g) IN ((1, 1), (3, 2)) ORDER BY 1
SELECT id FROM a WHERE (x, g) > (10, 1) ORDER BY 1
SELECT id FROM a WHERE (x, g) = (10, 1) ORDER BY 1
SELECT id FROM a WHERE s LIKE 't%' AND s NOT ILIKE '%O' ORDER BY 1
SELECT id FROM a WHERE x IS DISTINCT FROM 10 ORDER BY 1
SELECT id FROM a WHERE s IS NOT DISTINCT FROM NULL ORDER BY 1
SELECT id FROM a WHERE (x > 10) IS NOT TRUE ORDER BY 1
SELECT id FROM b WHERE ok ORDER BY 1
SELECT id FROM b WHERE NOT ok ORDER BY 1
SELECT id FROM b WHERE ok IS UNKNOWN ORDER BY 1
SELECT id FROM a WHERE id = 3
SELECT id FROM a WHERE id = 3 AND x > 5
SELECT id FROM a WHERE id = 3.0
SELECT id FROM a WHERE id = '3'
SELECT id FROM b WHERE id = 3::int8
SELECT id FROM b WHERE id = 30000000000
SELECT id FROM a WHERE id = 3 OR id = 4 ORDER BY 1
SELECT id FROM a WHERE id = 1 AND id = 2
SELECT id FROM a WHERE id = (SELECT max(a_id) FROM b WHERE a_id < 5)
SELECT id FROM a WHERE id = NULL
SELECT a.*, b.t FROM a JOIN b ON b.a_id = a.id WHERE a.id = 1 ORDER BY b.id
SELECT count(*) FROM a, b, c
SELECT count(*) FROM a CROSS JOIN b WHERE a.x > 5
SELECT ARRAY[1,2,3], ARRAY[[1,2],[3,4]], (ARRAY[1,2,3])[2], (ARRAY[1,2,3])[2:3], '{a,b}'::text[]
SELECT array_agg(id ORDER BY id) FROM a WHERE x > 5
SELECT a FROM a WHERE id = 1
SELECT ROW(1, 'a', NULL), (1, 2) = (1, 2), ROW(1,2) < ROW(1,3)
SELECT row(a.*) IS NULL, a IS NOT NULL FROM a WHERE id < 3 ORDER BY id
SELECT 1 + 2 * 3, 7 / 2, 7 % 3, -7 / 2, 2 ^ 10, 7.0 / 2, 1e3, 10::numeric(5,2), '5'::int + 1
SELECT 1 = 1.0, 'a' < 'b', NULL = NULL, NULL IS NULL, true AND NULL, false AND NULL, true OR NULL
SELECT length('abc'), lower('ABC'), substr('hello', 2, 3), 'a' || 1, concat('a', NULL, 1), replace('aXb', 'X', '-')
SELECT abs(-5), round(2.567, 2), floor(2.7), ceil(2.1), sqrt(16), mod(7, 3)
SELECT date '2024-01-31' + 1, date '2024-03-01' - date '2024-02-01', timestamp '2024-01-01 10:00' + interval '1 day'
SELECT extract(year FROM date '2024-05-06'), date_trunc('month', timestamp '2024-05-06 07:08')
SELECT x::text || 'z', f::int, d::float8, s::varchar(2), id::int2 FROM a WHERE id < 3 ORDER BY id
SELECT 'abc'::varchar(2), 'abc'::char(5) || '|', 12345.678::numeric(7,1)
SELECT string_agg(t, '-' ORDER BY t) FROM b
SELECT bool_and(ok), bool_or(ok), every(ok) FROM b
SELECT sum(v), sum(n) FROM c GROUP BY k HAVING k IS NOT NULL ORDER BY 1
SELECT k, array_agg(v ORDER BY v) FROM c GROUP BY k ORDER BY k
SELECT max(s), min(s) FROM a
SELECT q.n FROM (SELECT count(*) AS n, g FROM a GROUP BY g) q WHERE q.g = 1
SELECT q.s FROM (SELECT x + 1 AS s, id FROM a ORDER BY id LIMIT 3) q WHERE q.s > 11
SELECT s FROM (SELECT upper(s) AS s FROM a) q WHERE s > 'O' ORDER BY 1
SELECT g, (SELECT count(*) FROM b WHERE b.y > a.g) FROM a GROUP BY g ORDER BY 1
SELECT sum(n) FROM (SELECT id, (SELECT count(*) FROM b WHERE b.a_id = a.id) AS n FROM a) q WHERE n > 0
SELECT x.id FROM a x WHERE x.x = (SELECT max(y.x) FROM a y WHERE y.g = x.g) ORDER BY 1
SELECT x.id FROM a x WHERE 1 < (SELECT count(*) FROM a y WHERE y.g = x.g) ORDER BY 1
SELECT id FROM a WHERE x = 10 AND 1 / (id - 1) > 0 OR id = 1 ORDER BY id
SELECT tableoid::regclass, id FROM a WHERE id = 1
SELECT a.id FROM a JOIN b ON true WHERE b.id = 1 AND a.id = 1
SELECT a.id FROM a LEFT JOIN b ON b.id = 1 AND b.y = 99 WHERE a.id = 1
SELECT count(b.id) FROM a LEFT JOIN (SELECT id FROM b WHERE y > 5) b ON b.id = a.id
SELECT * FROM (SELECT 1 AS one) q LEFT JOIN (SELECT id, 'k' AS k FROM b WHERE id = 99) r ON true
SELECT r.k, q.id FROM (SELECT id FROM a) q LEFT JOIN (SELECT id, 'k' AS k FROM b WHERE id < 3) r ON r.id = q.id ORDER BY 2
SELECT q.id FROM a q LEFT JOIN (SELECT id, coalesce(y, 0) AS z FROM b) r ON r.id = q.id AND q.id > 3 WHERE r.z IS NULL ORDER BY 1
SELECT nosuch FROM a
SELECT 1/0
SELECT id FROM a WHERE 1/(x-x) = 1
SELECT 'x'::int
SELECT (SELECT id FROM a)
SELECT id FROM a LIMIT -1
SELECT count(*) FROM a WHERE s || NULL IS NULL
SELECT a.g, b.y FROM a, b WHERE a.id = b.a_id AND (a.g = 1 AND b.y = 5 OR a.g = 2 AND b.y = 10) ORDER BY 1
SELECT DISTINCT a.g FROM a JOIN b ON a.id = b.a_id ORDER BY 1
SELECT sum(a.x * b.y) FROM a JOIN b ON a.id = b.a_id
SELECT count(*) FROM a JOIN b ON a.id = b.a_id AND a.g = 1 JOIN c ON c.v = a.g
SELECT concat_ws(',', id, s) FROM a WHERE id <= 2 ORDER BY id
SELECT * FROM a WHERE false
SELECT * FROM (SELECT * FROM a WHERE x > 10) q JOIN (SELECT * FROM b WHERE y > 5) r ON q.id = r.a_id ORDER BY q.id
SELECT exists(SELECT 1 FROM a WHERE x > 40), exists(SELECT 1 FROM a WHERE x > 400)
SELECT id FROM a WHERE exists(SELECT 1 FROM b WHERE b.a_id = a.id) OR x = 50 ORDER BY 1
SELECT id FROM a WHERE s ~ '^t' ORDER BY 1
SELECT count(*) FROM a GROUP BY ()
SELECT k FROM c GROUP BY k ORDER BY max(v) DESC
SELECT k, v FROM c ORDER BY k DESC NULLS LAST, v
SELECT id % 2 = 0 AS even, sum(d) FROM a GROUP BY even ORDER BY even
SELECT id, v <-> '[1,2,3]' FROM p ORDER BY v <-> '[1,2,3]' LIMIT 3
SELECT id FROM p WHERE id > 1 ORDER BY v <=> '[1,2,3]' LIMIT 2 OFFSET 1
SELECT q.id FROM (SELECT id, v <#> '[1,1,1]' AS d FROM p WHERE id <> 2) q ORDER BY q.d LIMIT 2
