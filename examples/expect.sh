#!/bin/sh
# expect.sh PROGRAM FILE: the program must succeed and print what is in the file.
out=$("$1") || { echo "exit status $?"; echo "$out"; exit 1; }
echo "$out" | diff "$2" -
