#!/bin/sh
# Rewrites the files of this folder from a PostgreSQL 15 at hand. Connects as
# psql does (PGHOST, PGPORT, PGUSER …); reads only.
set -eu
cd "$(dirname "$0")"

# Relations: a line each, then a line per column that begins with a tab. Domains
# (of information_schema) are named by their base type, as the wire does.
psql -XqAt -F ' ' > relations.txt <<'SQL'
with rel as (
  select c.oid, n.nspname, c.relname, c.relkind
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'v') and n.nspname in ('pg_catalog', 'information_schema')
), col as (
  select r.*, a.attnum, a.attname, a.attnotnull,
         coalesce(b.typname, t.typname) as typname,
         case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as mod
  from rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype
)
select line from (
  select nspname, relname, 0 as attnum, nspname || ' ' || relname || ' ' || oid || ' ' || relkind::text as line from rel
  union all
  select nspname, relname, attnum,
         e'\t' || attname || ' ' || typname || ' ' || mod || case when attnotnull then ' notnull' else '' end from col
) x order by nspname, relname, attnum;
SQL

# Rows that no registry of Quiver holds, in COPY's text form.
rows() {
  psql -Xqc "copy ($2) to stdout" > "rows_$1.txt"
}
rows pg_am "select oid, amname, amhandler::oid, amtype from pg_am where amname in ('heap', 'btree') order by oid"
rows pg_collation "select * from pg_collation where collprovider in ('d', 'c') and collname in ('default', 'C', 'POSIX', 'ucs_basic') and oid < 16384 order by oid"
rows pg_language "select * from pg_language where lanname in ('internal', 'c', 'sql') order by oid"
rows pg_tablespace "select * from pg_tablespace order by oid"
rows pg_opfamily "select * from pg_opfamily where oid < 16384 and opfmethod = 403 order by oid"
rows pg_opclass "select * from pg_opclass where oid < 16384 and opcmethod = 403 order by oid"
rows pg_amop "select * from pg_amop where oid < 16384 and amopmethod = 403 order by oid"
rows pg_amproc "select p.oid, amprocfamily, amproclefttype, amprocrighttype, amprocnum, amproc::oid from pg_amproc p join pg_opfamily f on f.oid = p.amprocfamily where p.oid < 16384 and f.opfmethod = 403 order by p.oid"

# Names of the functions behind types and aggregates, by name of what they serve.
psql -XqAt -F ' ' -c "
  select typname, typinput::oid, typoutput::oid, typreceive::oid, typsend::oid, typmodin::oid, typmodout::oid, typanalyze::oid
  from pg_type t where oid < 12000 and typtype in ('b', 'p') order by oid" > type_functions.txt
psql -XqAt -F ' ' -c "
  select aggfnoid::oid, aggkind, aggnumdirectargs, aggtransfn::oid, aggfinalfn::oid, aggtranstype, coalesce(agginitval, '\N')
  from pg_aggregate where aggfnoid::oid < 16384 order by 1" > aggregates.txt
# The functions that pg_type points at, which pg_proc shows though SQL need not
# call them: oid, name, result, arguments, volatility, strict, comment.
psql -XqAt -F ' ' -c "
  select distinct p.oid, p.proname, p.prorettype, case when p.pronargs = 0 then '-' else array_to_string(p.proargtypes::oid[], ',') end,
    p.provolatile, p.proisstrict, coalesce(obj_description(p.oid, 'pg_proc'), '')
  from pg_type t join pg_proc p on p.oid in (typinput, typoutput, typreceive, typsend, typmodin, typmodout, typsubscript, typanalyze)
  where t.oid < 12000 order by 1" > type_procs.txt
# What obj_description says of the rows of rows_*.txt, and of types.
psql -XqAt -F ' ' -c "
  select classoid::regclass, objoid, description from pg_description
  where classoid = 'pg_type'::regclass and objoid < 12000
    or classoid = 'pg_am'::regclass and objoid in (2, 403)
    or classoid = 'pg_language'::regclass and objoid in (12, 13, 14)
    or classoid = 'pg_collation'::regclass and objoid in (100, 950, 951)
  order by 1, 2" > comments.txt
psql -XqAt -F ' ' -c "select oid, proname from pg_proc where oid < 16384 order by 1" > functions.txt
psql -XqAt -F '|' -c "select word, catcode, barelabel, catdesc, baredesc from pg_get_keywords() order by 1" > keywords.txt
