#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: PostgreSQL 15 (the
# oracle), psql, etcd's and docker-compose's Debian packages, the Python, JDBC
# and Node drivers. Needs Debian 12 and root, or sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A packages=(
  [/usr/lib/postgresql/15/bin/postgres]=postgresql-15
  [/usr/bin/psql]=postgresql-client-15
  [/usr/bin/pgbench]=postgresql-contrib
  [/usr/bin/etcd]=etcd-server
  [/usr/bin/etcdctl]=etcd-client
  [/usr/bin/curl]=curl
  [/usr/bin/docker-compose]=docker-compose
  [/usr/bin/python3]=python3
  [/usr/lib/python3/dist-packages/psycopg2/__init__.py]=python3-psycopg2
  [/usr/lib/python3/dist-packages/psycopg/__init__.py]=python3-psycopg
  [/usr/lib/python3/dist-packages/asyncpg/__init__.py]=python3-asyncpg
  [/usr/lib/python3/dist-packages/sqlalchemy/__init__.py]=python3-sqlalchemy
  [/usr/lib/python3/dist-packages/django/__init__.py]=python3-django
  [/usr/share/java/postgresql.jar]=libpostgresql-jdbc-java
)
missing=()
for file in "${!packages[@]}"; do
  [ -e "$file" ] || missing+=("${packages[$file]}")
done
command -v javac >/dev/null || missing+=(default-jdk-headless)
command -v npm >/dev/null || missing+=(nodejs npm)
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v g++ >/dev/null || missing+=(g++)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  run=(env DEBIAN_FRONTEND=noninteractive)
  [ "$(id -u)" = 0 ] || run=(sudo "${run[@]}")
  # Debian would start a server of its own at the installation: not here.
  "${run[@]}" mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' | "${run[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
  "${run[@]}" apt-get update -qq
  "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
if [ test/clients/node/package-lock.json -nt test/clients/node/node_modules/.package-lock.json ]; then
  (cd test/clients/node && npm ci --no-audit --no-fund --silent --ignore-scripts --omit=optional)
fi
