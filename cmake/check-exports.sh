#!/bin/sh
# The shared library exports exactly what the list says: nothing internal leaks, nothing public
# gets lost.
set -eu
lib=$1 list=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
nm -D --defined-only "$lib" | awk '{print $3}' | grep -v '^_' | sort -u >"$tmp/have"
sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$list" | sort -u >"$tmp/want"
if ! diff "$tmp/want" "$tmp/have"; then
    echo "exports differ from $list (< missing, > not in the list)"
    exit 1
fi
echo "exports: $(wc -l <"$tmp/have") symbols, as listed"
