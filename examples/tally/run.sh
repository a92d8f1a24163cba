#!/bin/sh
# run.sh ERL DIR: boots OTP and runs tally with the modules in DIR; what it prints must be in
# tally.out, sorted: the logger writes when it comes to it.
here=$(dirname "$0")
out=$("$1" -noshell -pa "$2" -config "$here/tally" -s tally run) || { echo "exit status $?"; echo "$out"; exit 1; }
echo "$out" | LC_ALL=C sort | diff "$here/tally.out" -
