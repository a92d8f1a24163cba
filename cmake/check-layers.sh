#!/bin/sh
# What each folder of src may include beside system headers: the layers of docs/design.md. Takes the
# project's folder; fails on others.
set -eu
cd "$1/src"
bad=0
layer() { # FOLDER 'ALLOWED ...', each a folder or a header
    folder=$1
    shift
    allowed=$(printf '|%s' "$@" | sed 's/^|//; s/[.]/\\./g')
    if grep -nE '^ *#include ["<](api|host|ling|nif|outlet|runner|timer|uv|vm)[/.]' "$folder"/*.[ch] |
        grep -vE "#include [\"<]($allowed)"; then
        echo "$folder includes what is above it"
        bad=1
    fi
}
layer vm vm/ timer/etimer.h host/host.h host/host_file.h
layer timer timer/ vm/
layer outlet outlet/ vm/ timer/etimer.h ling/outlet.h host/host_file.h
layer nif nif/ vm/ ling/ling.h
layer nif/lib nif/ vm/ host/host_file.h
layer host host/host.h
layer host/uv host/uv/ host/host.h host/host_file.h uv.h
layer host/sim host/sim/ host/host.h host/host_file.h
exit $bad
