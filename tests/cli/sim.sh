#!/bin/sh
# sim.sh LING-RUN: on the simulated host programs repeat themselves: two runs with one seed print the
# same and have the same trace, in processes whose addresses differ; another seed makes another trace.
set -u
run=$1
here=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0
check() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name"
    fi
}
# once NAME SEED MODULE: output and trace of a run
once() {
    timeout 100 "$run" --host sim --seed "$2" --stats -pa "$tmp" "$3" >"$tmp/$1.out" 2>"$tmp/$1.err" </dev/null
    echo "status $?" >>"$tmp/$1.out"
    grep '^trace ' "$tmp/$1.err" >>"$tmp/$1.out"
}
differ() { ! cmp -s "$1" "$2"; }

modules=""
for erl in "$here"/erl/lang_t.erl "$here"/erl/maps_t.erl "$here"/erl/timer_t.erl \
    "$here"/erl/signals_t.erl "$here"/erl/process_t.erl "$here"/../bench/show/show_hour.erl; do
    [ -f "$erl" ] || continue
    erlc -o "$tmp" "$erl" >"$tmp/erlc" 2>&1 || { cat "$tmp/erlc"; failed=$((failed + 1)); continue; }
    modules="$modules $(basename "$erl" .erl)"
done
for m in $modules; do
    once a 7 "$m"
    once b 7 "$m"
    once c 8 "$m"
    check "$m has a trace" grep -q '^trace ' "$tmp/a.out"
    check "$m repeats itself" cmp "$tmp/a.out" "$tmp/b.out"
    check "$m with another seed" differ "$tmp/a.out" "$tmp/c.out"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 9 ]
