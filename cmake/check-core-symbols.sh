#!/bin/sh
# The core (src/vm, src/timer, src/outlet) stands on host.h and a short list of library functions. Takes the
# archive of the core's objects and the list of what it may need from outside; fails on others.
# Names in the list may be shell patterns; # begins a comment.
set -eu
archive=$1 allowed=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
nm -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u >"$tmp/defined"
nm -u "$archive" 2>/dev/null | awk 'NF == 2 {print $2}' | sort -u >"$tmp/undefined"
comm -23 "$tmp/undefined" "$tmp/defined" >"$tmp/outside"
sed 's/#.*//; s/[[:space:]]//g; /^$/d; s/[.]/\\./g; s/[*]/.*/g; s/.*/^&$/' "$allowed" >"$tmp/patterns"
if grep -v -f "$tmp/patterns" "$tmp/outside" >"$tmp/bad"; then
    echo "the core refers to symbols that are not in $allowed:"
    while read -r symbol; do
        echo "  $symbol  (in $(nm -A -u "$archive" 2>/dev/null | awk -v s="$symbol" '$NF == s {n = split($1, a, ":"); print a[2]}' | sort -u | tr '\n' ' '))"
    done <"$tmp/bad"
    exit 1
fi
echo "core symbols: $(wc -l <"$tmp/outside") from outside, all allowed"
