#!/usr/bin/env bash
# Runs every fuzzer of the module for the given time ("5s"). New inputs are
# minimised in ten runs and not in Go's default of a minute: whole files stay
# large however long one tries, and a fuzzer of a few seconds would do nothing
# else.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
for pkg in $(go list ./...); do
  for f in $(go test -list '^Fuzz' "$pkg" 2>/dev/null | grep '^Fuzz' || true); do
    echo "== $pkg $f"
    go test -run '^$' -fuzz "^$f\$" -fuzztime "$time" -fuzzminimizetime 10x "$pkg"
  done
done
