#!/bin/bash
# The full counts of the tests of faults, one line of the table at the end for each.
# SOAK_SHARE divides the counts: SOAK_SHARE=10 is a tenth of all.
set -u
cd "$(dirname "$0")/.."
share=${SOAK_SHARE:-1}
logs=.cache/soak
mkdir -p "$logs"
summary="$logs/summary.md"
printf '| What | Result | Minutes | Counted |\n|---|---|---|---|\n' >"$summary"
failed=0

# run NAME PACKAGE PATTERN [NAME=VALUE …]: the last line that the test logs is what
# it counted.
run() {
	local name=$1 package=$2 pattern=$3 log began result=passed counted
	shift 3
	log="$logs/${name// /_}.log"
	began=$SECONDS
	echo "== $name"
	env "$@" go test -count=1 -timeout 12h -v -run "$pattern" "$package" 2>&1 | tee "$log" | grep --line-buffered -E '^ +[a-z_]+_test\.go|^(---|FAIL|ok)'
	grep -q '^ok' "$log" || { result=FAILED failed=1; }
	counted=$(grep -E '^ +[a-z_]+_test\.go:[0-9]+: [0-9(done)]' "$log" | tail -1 | sed 's/^ *[a-z_]*\.go:[0-9]*: //' | cut -c1-160)
	printf '| %s | %s | %d | %s |\n' "$name" "$result" $(((SECONDS - began) / 60)) "$counted" >>"$summary"
}

# model NAME SEED: half of the seeds, for two processes share the processors.
model() {
	run "$1" ./test/model TestModel QUIVER_MODEL_SEED="$2" QUIVER_MODEL_SEEDS=$((170 / share + 1)) QUIVER_MODEL_OPS=3000
}

model "operations on a model 1" 1001 &
model "operations on a model 2" 2001 &
wait
run "every fault" ./test/faults . QUIVER_FAULT_STRIDE=1
run "power cuts" ./storage TestPowerCuts QUIVER_POWER_CUTS=$((10000 / share))
run "power cuts of the log" ./storage/wal PowerCut QUIVER_POWER_CUTS=$((10000 / share))
run "kills" ./test/crash TestKill QUIVER_CRASH_KILLS=$((200 / share)) QUIVER_CRASH_MIGRATIONS=$((50 / share + 1))
run "backup and restore" ./test/backup . QUIVER_CRASH_KILLS=$((200 / share))

echo
cat "$summary"
exit $failed
