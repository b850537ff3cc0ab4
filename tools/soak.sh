#!/bin/bash
# The full counts of the tests of faults: progress while they run, a table of what
# was counted at the end, and one log each in .cache/soak.
# SOAK_SHARE divides the counts: SOAK_SHARE=10 is a tenth of all. QUIVER_MODEL_SEED
# is the first seed of the model test.
set -u
cd "$(dirname "$0")/.."
share=${SOAK_SHARE:-1} logs=$PWD/.cache/soak
rm -rf "$logs"
mkdir -p "$logs"
summary="$logs/summary.md"
printf '| What | Result | Minutes | Counted |\n|---|---|---|---|\n' >"$summary"

# count N: the N-th part of it that is asked for, one at least.
count() { echo $((($1 + share - 1) / share)); }

echo "== building the tests"
go test -c -o "$logs/" ./storage ./storage/wal ./test/model ./test/faults ./test/crash ./test/backup || exit 1

# run NAME DIRECTORY PATTERN [NAME=VALUE …]: runs tests of a directory. What they
# log is their progress; the last line of each that has a number first is the count.
run() {
	local name=$1 dir=$2 pattern=$3 log began=$SECONDS result=passed counted
	shift 3
	log="$logs/${name// /_}.log"
	echo "== $name: ${*:-once}"
	(cd "$dir" && env "$@" "$logs/$(basename "$dir").test" -test.timeout 24h -test.v -test.count "${TIMES:-1}" -test.run "$pattern") 2>&1 |
		tee "$log" | grep --line-buffered -E '^ +[a-z_]+_test\.go:|^ *---|^(FAIL|PASS|panic)' | sed -uE "s/^/[$name] /; s/^(.{200}).*/\1/"
	tail -1 "$log" | grep -q '^PASS' || result=FAILED
	counted=$(awk '/^=== RUN/ { count = "" }
		/^ +[a-z_]+_test\.go:[0-9]+: (done: )?[0-9]/ { sub(/^ *[a-z_]+\.go:[0-9]+: (done: )?/, ""); count = $0 }
		/^--- / { if (count != "") list = list (list == "" ? "" : "; ") count; count = "" }
		END { print list }' "$log" | sed 's/|/\\|/g' | cut -c1-400)
	printf '| %s | %s | %d | %s |\n' "$name" "$result" $(((SECONDS - began) / 60)) "$counted" >>"$summary"
}

# Two lanes, for two processors: servers that are killed wait for disks and starts
# half of their time, and what runs beside them makes the moments of kills differ.
servers() {
	run "kills" test/crash 'TestKill(Embedded|VersityGW|OldestEtcd)' QUIVER_CRASH_KILLS="$(count 200)"
	run "kills on MinIO and etcd" test/crash TestKillMinIOAndEtcd QUIVER_CRASH_KILLS="$(count 200)"
}

# Of what the model test draws, some three fifths can be done as things are.
engine() {
	run "operations on a model" test/model TestModel GOGC=400 QUIVER_MODEL_SEED="${QUIVER_MODEL_SEED:-1001}" QUIVER_MODEL_SEEDS="$(count 550)" QUIVER_MODEL_OPS=3000
	run "every fault" test/faults . QUIVER_FAULT_STRIDE="$share"
	run "power cuts" storage TestPowerCuts QUIVER_POWER_CUTS="$(count 10000)"
	run "power cuts of the log" storage/wal TestPowerCuts QUIVER_POWER_CUTS="$(count 10000)"
	run "kills during migrations" test/crash TestKillDuringMigration QUIVER_CRASH_MIGRATIONS="$(count 50)"
	TIMES=$(count 66) run "kills during backups" test/backup TestBackupKilled
}

servers &
engine &
wait

echo
cat "$summary"
! grep -q FAILED "$summary"
