#!/bin/sh
# Rewrites pg_proc.txt, pg_operator.txt and pgvector_*.txt from a PostgreSQL 15
# that has pgvector at hand. Connects as psql does (PGHOST, PGPORT, PGUSER …)
# and works in a database of its own, quiver_facts, which it drops at the end.
set -eu
cd "$(dirname "$0")"
export PGDATABASE="${PGDATABASE:-postgres}" PGOPTIONS='-c client_min_messages=warning'
psql -q -c 'DROP DATABASE IF EXISTS quiver_facts' -c 'CREATE DATABASE quiver_facts'
trap 'psql -q -c "DROP DATABASE quiver_facts"' EXIT
run() { psql -q -X -A -t -F "$(printf '\t')" -v ON_ERROR_STOP=1 -d quiver_facts "$@"; }
run -c 'CREATE EXTENSION vector'

# Types of rows that are left out: those that no SQL can write, and families
# that Quiver does not have.
omitted="'internal','cstring','_cstring','point','box','lseg','path','polygon','circle','line','tsvector','tsquery',
'gtsvector','inet','cidr','macaddr','macaddr8','trigger','event_trigger','language_handler','fdw_handler',
'index_am_handler','table_am_handler','tsm_handler','money','txid_snapshot','pg_snapshot','pg_lsn','refcursor','tid',
'pg_brin_bloom_summary','pg_brin_minmax_multi_summary','pg_ndistinct','pg_dependencies','pg_mcv_list',
'regconfig','regdictionary'"

proc="
WITH p AS (
  SELECT p.*, row_number() OVER (PARTITION BY pronamespace ORDER BY proname, proargtypes::regtype[]::text) AS n
  FROM pg_proc p
  WHERE NOT EXISTS (
    SELECT FROM unnest(proargtypes::oid[] || prorettype) AS t(o) JOIN pg_type ty ON ty.oid = t.o
    WHERE ty.typname IN ($omitted) OR ty.typtype IN ('r', 'm') OR ty.typname LIKE '%range')
)
SELECT CASE WHEN pronamespace = 'pg_catalog'::regnamespace THEN oid::int ELSE 16400 + n END, proname, prokind,
  (SELECT coalesce(string_agg(typname, ',' ORDER BY i), '') FROM unnest(proargtypes) WITH ORDINALITY u(o, i) JOIN pg_type ty ON ty.oid = o),
  (SELECT typname FROM pg_type ty WHERE ty.oid = prorettype),
  provolatile, proisstrict, proretset,
  (SELECT coalesce((SELECT typname FROM pg_type ty WHERE ty.oid = provariadic), '')),
  (SELECT coalesce(string_agg(nm, ',' ORDER BY i), '') FROM unnest(proargnames) WITH ORDINALITY u(nm, i)
    WHERE proargmodes IS NULL OR proargmodes[i] IN ('i', 'v', 'b')),
  (SELECT coalesce(string_agg(coalesce(proargnames[i], '') || ' ' || typname, ',' ORDER BY i), '')
    FROM unnest(proallargtypes) WITH ORDINALITY u(o, i) JOIN pg_type ty ON ty.oid = o WHERE proargmodes[i] IN ('o', 'b', 't')),
  coalesce(pg_get_expr(proargdefaults, 0), ''),
  (SELECT lanname FROM pg_language l WHERE l.oid = prolang), prosrc, replace(coalesce(pg_get_function_sqlbody(p.oid), ''), E'\n', '\n'),
  proparallel, proleakproof, procost, prorows, prosupport::oid, coalesce(obj_description(p.oid, 'pg_proc'), '')
FROM p WHERE pronamespace = :'schema'::regnamespace
ORDER BY proname, 1"

operator="
WITH o AS (
  SELECT o.*, row_number() OVER (PARTITION BY oprnamespace ORDER BY oprname, oprleft::regtype::text, oprright::regtype::text) AS n
  FROM pg_operator o
  WHERE NOT EXISTS (
    SELECT FROM pg_type ty WHERE ty.oid IN (oprleft, oprright, oprresult)
    AND (ty.typname IN ($omitted) OR ty.typtype IN ('r', 'm') OR ty.typname LIKE '%range'))
)
SELECT CASE WHEN oprnamespace = 'pg_catalog'::regnamespace THEN oid::int ELSE 16600 + n END, oprname,
  (SELECT coalesce((SELECT typname FROM pg_type ty WHERE ty.oid = oprleft), '')),
  (SELECT typname FROM pg_type ty WHERE ty.oid = oprright),
  (SELECT typname FROM pg_type ty WHERE ty.oid = oprresult),
  (SELECT proname || '(' || (SELECT string_agg(typname, ',' ORDER BY i) FROM unnest(proargtypes) WITH ORDINALITY u(o, i)
     JOIN pg_type ty ON ty.oid = u.o) || ')' FROM pg_proc WHERE oid = oprcode),
  (SELECT coalesce((SELECT oprname FROM pg_operator c WHERE c.oid = o.oprcom), '')),
  (SELECT coalesce((SELECT oprname FROM pg_operator c WHERE c.oid = o.oprnegate), '')),
  coalesce(obj_description(o.oid, 'pg_operator'), '')
FROM o WHERE oprnamespace = :'schema'::regnamespace AND oprcode <> 0
ORDER BY oprname, 1"

printf '%s\n' "$proc" | run -v schema=pg_catalog >pg_proc.txt
printf '%s\n' "$operator" | run -v schema=pg_catalog >pg_operator.txt
printf '%s\n' "$proc" | run -v schema=public >pgvector_proc.txt
printf '%s\n' "$operator" | run -v schema=public >pgvector_operator.txt
