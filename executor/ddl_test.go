package executor

import (
	"strings"
	"testing"

	"quiver/storage"
)

// ddlCases are statements run one after the other, each in a transaction of its
// own, with the answer of PostgreSQL 15.
const ddlCases = `
create table t(a int, a text)
=> 42701: column "a" specified more than once
create table t(a int null not null)
=> 42601: conflicting NULL/NOT NULL declarations for column "a" of table "t"
create table t(a int default 1 default 2)
=> 42601: multiple default values specified for column "a" of table "t"
create table t(a int primary key, primary key(a))
=> 42P16: multiple primary keys for table "t" are not allowed
create table t(a int, primary key(b))
=> 42703: column "b" named in key does not exist
create table t(a int, primary key(a,a))
=> 42701: column "a" appears twice in primary key constraint
create table t(a json primary key)
=> 42704: data type json has no default operator class for access method "btree"
=> HINT: You must specify an operator class for the index or define a default operator class for the data type.
create table t(ctid int)
=> 42701: column name "ctid" conflicts with a system column name
create table t(a serial default 3)
=> 42601: multiple default values specified for column "a" of table "t"
create table t(a int generated always as identity default 3)
=> 42601: both default and identity specified for column "a" of table "t"
create table t(a text generated always as identity)
=> 22023: identity column type must be smallint, integer, or bigint
create table t(a int default 'x')
=> 22P02: invalid input syntax for type integer: "x"
create table t(a int default true)
=> 42804: column "a" is of type integer but default expression is of type boolean
=> HINT: You will need to rewrite or cast the expression.
create table t(a int default a)
=> 0A000: cannot use column reference in DEFAULT expression
create table t(a int check (a))
=> 42804: argument of CHECK must be type boolean, not type integer
create table t(a int check (a > (select 1)))
=> 0A000: cannot use subquery in check constraint
create table t(a int check (count(a) > 1))
=> 42803: aggregate functions are not allowed in check constraints
create table t(a int default count(1))
=> 42803: aggregate functions are not allowed in DEFAULT expressions
create table t(a int default (select 1))
=> 0A000: cannot use subquery in DEFAULT expression
create table t(a int, constraint k check (a>1), constraint k check (a>2))
=> 42710: check constraint "k" already exists
create table t(a int check (b > 1))
=> 42703: column "b" does not exist
create table t(a serial[])
=> 0A000: array of serial is not implemented
create table t(a int collate "C")
=> 42804: collations are not supported by type integer
create table t(a nosuch)
=> 42704: type "nosuch" does not exist
create table nosuch.t(a int)
=> 3F000: schema "nosuch" does not exist
create table pg_catalog.t(a int)
=> 42501: permission denied to create "pg_catalog.t"
=> DETAIL: System catalog modifications are currently disallowed.
create table t(a int primary key, b int default 1, c text, check (b > 0))
create table t(a int)
=> 42P07: relation "t" already exists
create table if not exists t(a int)
=> NOTICE: relation "t" already exists, skipping
insert into t values (1)
insert into t values (2, 0)
=> 23514: new row for relation "t" violates check constraint "t_b_check"
=> DETAIL: Failing row contains (2, 0, null).
alter table t add column a int
=> 42701: column "a" of relation "t" already exists
alter table t add column if not exists a int
=> NOTICE: column "a" of relation "t" already exists, skipping
alter table t add column d int not null
=> 23502: column "d" of relation "t" contains null values
alter table t add column d int not null default 5 check (d > 6)
=> 23514: check constraint "t_d_check" of relation "t" is violated by some row
alter table t add column d int not null default 5
select * from t
=> 1|1|NULL|5
insert into t(a) values (2)
select * from t where d = 5 order by a
=> 1|1|NULL|5
=> 2|1|NULL|5
alter table t drop column zz
=> 42703: column "zz" of relation "t" does not exist
alter table t drop column if exists zz
=> NOTICE: column "zz" of relation "t" does not exist, skipping
alter table t alter column zz set default 1
=> 42703: column "zz" of relation "t" does not exist
alter table t alter column c set not null
=> 23502: column "c" of relation "t" contains null values
alter table t alter column a drop not null
=> 42P16: column "a" is in a primary key
alter table t rename column a to b
=> 42701: column "b" of relation "t" already exists
alter table t rename column zz to b
=> 42703: column "zz" does not exist
alter table t rename column b to "B b"
insert into t values (3, 0)
=> 23514: new row for relation "t" violates check constraint "t_b_check"
=> DETAIL: Failing row contains (3, 0, null, 5).
alter table t drop column d
select * from t order by a
=> 1|1|NULL
=> 2|1|NULL
alter table t rename to t
=> 42P07: relation "t" already exists
alter table nosuch rename to x
=> 42P01: relation "nosuch" does not exist
alter table if exists nosuch add column x int
=> NOTICE: relation "nosuch" does not exist, skipping
alter table t add constraint k check ("B b" > 10)
=> 23514: check constraint "k" of relation "t" is violated by some row
alter table t add constraint t_b_check check ("B b" > 0)
=> 42710: constraint "t_b_check" for relation "t" already exists
alter table t drop constraint zz
=> 42704: constraint "zz" of relation "t" does not exist
alter table t add primary key (c)
=> 42P16: multiple primary keys for table "t" are not allowed
alter table pg_class add column x int
=> 42501: permission denied: "pg_class" is a system catalog
drop table nosuch
=> 42P01: table "nosuch" does not exist
drop table if exists nosuch, s.nosuch
=> NOTICE: table "nosuch" does not exist, skipping
=> NOTICE: schema "s" does not exist, skipping
drop table s.nosuch
=> 3F000: schema "s" does not exist
drop table pg_class
=> 42501: permission denied: "pg_class" is a system catalog
create sequence q
drop table q
=> 42809: "q" is not a table
=> HINT: Use DROP SEQUENCE to remove a sequence.
drop sequence t
=> 42809: "t" is not a sequence
=> HINT: Use DROP TABLE to remove a table.
drop index t
=> 42809: "t" is not an index
=> HINT: Use DROP TABLE to remove a table.
create table t2(id serial primary key, b bigserial)
drop sequence t2_id_seq
=> 2BP01: cannot drop sequence t2_id_seq because other objects depend on it
=> DETAIL: default value for column id of table t2 depends on sequence t2_id_seq
=> HINT: Use DROP ... CASCADE to drop the dependent objects too.
insert into t2 default values returning id, b
=> 1|1
alter sequence t2_id_seq rename to other
insert into t2 default values returning id, b
=> 2|2
truncate t2 restart identity
insert into t2 default values returning id, b
=> 1|1
create table t3(id int generated by default as identity primary key)
drop sequence t3_id_seq
=> 2BP01: cannot drop sequence t3_id_seq because column id of table t3 requires it
=> HINT: You can drop column id of table t3 instead.
create schema sc create table x(a int)
drop schema sc
=> 2BP01: cannot drop schema sc because other objects depend on it
=> DETAIL: table sc.x depends on schema sc
=> HINT: Use DROP ... CASCADE to drop the dependent objects too.
create table sc.y(a int)
drop schema sc cascade
=> NOTICE: drop cascades to 2 other objects
create schema pg_foo
=> 42939: unacceptable schema name "pg_foo"
=> DETAIL: The prefix "pg_" is reserved for system schemas.
create extension if not exists vector
=> NOTICE: extension "vector" already exists, skipping
create database postgres
=> 42P04: database "postgres" already exists
drop database nosuch
=> 3D000: database "nosuch" does not exist
drop database postgres
=> 55006: cannot drop the currently open database
create database other
drop database other
comment on column t.zz is 'x'
=> 42703: column "zz" of relation "t" does not exist
comment on column t.a is 'x'
comment on schema nosuch is 'x'
=> 3F000: schema "nosuch" does not exist
truncate nosuch
=> 42P01: relation "nosuch" does not exist
truncate q
=> 42809: "q" is not a table
vacuum nosuch
=> 42P01: relation "nosuch" does not exist
analyze t
create sequence q2 increment 0
=> 22023: INCREMENT must not be zero
create sequence q2 minvalue 5 start 1
=> 22023: START value (1) cannot be less than MINVALUE (5)
create sequence q2 cache 0
=> 22023: CACHE (0) must be greater than zero
create sequence q2 maxvalue 1 maxvalue 2
=> 42601: conflicting or redundant options
create sequence q2 as text
=> 22023: sequence type must be smallint, integer, or bigint
create sequence q2 owned by t
=> 42601: invalid OWNED BY option
=> HINT: Specify OWNED BY table.column or OWNED BY NONE.
create sequence q2 owned by t.zz
=> 42703: column "zz" of relation "t" does not exist
create sequence q
=> 42P07: relation "q" already exists
alter sequence q restart with 0
=> 22023: RESTART value (0) cannot be less than MINVALUE (1)
alter sequence q restart with 7
select nextval('q'), nextval('q')
=> 7|8
create partition p on t
create partition p on t
=> 42P07: relation "p" already exists
create partition if not exists p on t
=> NOTICE: relation "p" already exists, skipping
insert into p values (10, 10, 'in p')
select c from p
=> in p
select count(*) from t
=> 3
insert into t values (10)
=> 23505: duplicate key value violates unique constraint "t_pkey"
=> DETAIL: Key (a)=(10) already exists.
drop partition p on t2
=> 42P01: partition "p" of table "t2" does not exist
drop partition p on t
select count(*) from t
=> 2
call quiver.create_partition('t', 'p2')
call quiver.drop_partition('public.t', 'p2')
call nosuch()
=> 42883: procedure nosuch() does not exist
=> HINT: No procedure matches the given name and argument types. You might need to add explicit type casts.
create index on t(a)
=> 0A000: CREATE INDEX USING btree is not supported
create temp table tt(a int)
=> 0A000: temporary tables are not supported
create table tt(a int unique)
=> 0A000: UNIQUE constraints are not supported
create table tt as select 1 as x, 'a' as y
select * from tt
=> 1|a
drop table t, t2, t3, tt
`

// TestDDL compares answers with those of PostgreSQL 15 (and, for what that does
// not have, with the manual's).
func TestDDL(t *testing.T) {
	w := newWorld(t)
	var statement string
	var want []string
	check := func() {
		if statement != "" {
			w.want(statement, strings.Join(want, "\n"))
		}
		want = nil
	}
	for _, line := range strings.Split(strings.TrimSpace(ddlCases), "\n") {
		if answer, ok := strings.CutPrefix(line, "=> "); ok {
			want = append(want, answer)
			continue
		}
		check()
		statement = line
	}
	check()
}

// TestDDLRollsBack: tables, rows and sequences of a transaction that rolls back
// are gone, and a savepoint undoes DDL.
func TestDDLRollsBack(t *testing.T) {
	w := newWorld(t)
	tx := w.begin(storage.ReadCommitted)
	if _, _, err := w.run(tx, "CREATE TABLE a (id serial PRIMARY KEY); INSERT INTO a DEFAULT VALUES"); err != nil {
		t.Fatal(err)
	}
	sp := tx.Savepoint()
	if _, _, err := w.run(tx, "CREATE TABLE b (id int); DROP TABLE a"); err != nil {
		t.Fatal(err)
	}
	tx.RollbackTo(sp)
	rows, _, err := w.run(tx, "SELECT id FROM a")
	if err != nil {
		t.Fatal(err)
	}
	w.expect(rows, "1")
	if _, _, err := w.run(tx, "SELECT * FROM b"); err == nil {
		t.Error("table b outlives its savepoint")
	}
	tx.Rollback()
	w.want("SELECT * FROM a", `42P01: relation "a" does not exist`)
	w.want("CREATE TABLE a (id serial PRIMARY KEY)", "")
}

func TestMakeObjectName(t *testing.T) {
	long := strings.Repeat("t", 70)
	for _, c := range []struct{ table, column, label, want string }{
		{"t", "id", "seq", "t_id_seq"},
		{"t", "", "pkey", "t_pkey"},
		{long, "", "pkey", strings.Repeat("t", 58) + "_pkey"},
		{long, "id", "seq", strings.Repeat("t", 56) + "_id_seq"},
		{strings.Repeat("t", 40), strings.Repeat("c", 40), "seq", strings.Repeat("t", 29) + "_" + strings.Repeat("c", 29) + "_seq"},
		{strings.Repeat("é", 40), "", "pkey", strings.Repeat("é", 29) + "_pkey"},
	} {
		if got := makeObjectName(c.table, c.column, c.label); got != c.want {
			t.Errorf("%s, %s, %s: %s, want %s", c.table, c.column, c.label, got, c.want)
		}
	}
}

// TestLittleData: as pgvector does, and nothing of it where the rows are as many as
// the lists.
func TestLittleData(t *testing.T) {
	w := newWorld(t)
	const little = "NOTICE: ivfflat index created with little data"
	w.want("CREATE TABLE l (n int, v vector(3))", "")
	w.want("CREATE INDEX ON l USING ivfflat (v vector_l2_ops)", little)
	w.want("INSERT INTO l SELECT i, ARRAY[i,1,2]::vector FROM generate_series(1,99) i", "")
	w.want("INSERT INTO l VALUES (100, NULL)", "")
	w.want("CREATE INDEX ON l USING ivfflat (v vector_l2_ops)", little)
	w.want("CREATE INDEX ON l USING ivfflat (v vector_l2_ops) WITH (lists = 99)", "")
	w.want("CREATE INDEX ON l USING hnsw (v vector_l2_ops)", "")
	w.want("INSERT INTO l VALUES (101, '[1,2,3]')", "")
	w.want("CREATE INDEX ON l USING ivfflat (v vector_cosine_ops)", "")
}
