#!/bin/sh
# Installs a build to a scratch folder and builds the hello example against it, by pkg-config
# (static and shared) and by the CMake package.
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/root" >/dev/null
PKG_CONFIG_PATH=$(dirname "$(find "$tmp/root" -name libling.pc)")
export PKG_CONFIG_PATH
libdir=$(dirname "$PKG_CONFIG_PATH")
sed -i "s|^prefix=.*|prefix=$tmp/root|" "$PKG_CONFIG_PATH/libling.pc"
# shellcheck disable=SC2046
cc -o "$tmp/shared" "$source/examples/hello.c" $(pkg-config --cflags --libs libling)
LD_LIBRARY_PATH=$libdir "$tmp/shared" >"$tmp/out"
diff "$source/examples/hello.out" "$tmp/out"
# shellcheck disable=SC2046
cc -o "$tmp/static" "$source/examples/hello.c" $(pkg-config --cflags libling) \
    "$libdir/libling.a" $(pkg-config --static --libs-only-l libling | sed 's/-lling//')
"$tmp/static" >"$tmp/out"
diff "$source/examples/hello.out" "$tmp/out"
mkdir "$tmp/user"
cat >"$tmp/user/CMakeLists.txt" <<EOF
cmake_minimum_required(VERSION 3.25)
project(user C)
find_package(ling REQUIRED)
add_executable(user $source/examples/hello.c)
target_link_libraries(user ling::ling)
EOF
cmake -S "$tmp/user" -B "$tmp/user/build" -Dling_DIR="$libdir/cmake/ling" >/dev/null
cmake --build "$tmp/user/build" >/dev/null
"$tmp/user/build/user" >"$tmp/out"
diff "$source/examples/hello.out" "$tmp/out"
[ -f "$tmp/root/share/man/man1/ling-run.1" ]
echo "installed library, pkg-config file and CMake package work: 3 passed"
