#!/bin/sh
# run.sh LING-RUN: options, exit statuses and output of the command line.
set -u
run=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

# expect NAME STATUS STDOUT [PATTERN-OF-STDERR] -- ARGS...
expect() {
    name=$1 status=$2 out=$3 err=$4
    shift 5
    "$run" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    got=$?
    printf '%s' "$out" >"$tmp/want"
    if [ "$got" = "$status" ] && { [ "$out" = '*' ] || cmp -s "$tmp/want" "$tmp/out"; } &&
        { [ -z "$err" ] || grep -q -e "$err" "$tmp/err"; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $name: status $got ($status expected)"
        echo "stdout:" && cat "$tmp/out"
        echo "stderr:" && cat "$tmp/err"
    fi
    if [ -z "$err" ] && [ -s "$tmp/err" ]; then
        failed=$((failed + 1))
        echo "FAILED: $name: unexpected text on stderr:" && cat "$tmp/err"
    fi
}

mkdir "$tmp/ebin" "$tmp/other"
cat >"$tmp/cli.erl" <<'EOF'
-module(cli).
-export([main/1]).
main(["args" | T]) -> io:format("~p~n", [T]);
main(["value"]) -> {a, "b", <<"c">>, #{d => 1.5}};
main(["crash"]) -> helper:fail(3);
main(["throw"]) -> throw(ball);
main(["exit"]) -> exit(normal);
main(["exit", R]) -> exit(R);
main(["kill"]) -> exit(self(), kill), receive after infinity -> ok end;
main(["halt", N]) -> io:put_chars("before"), halt(list_to_integer(N));
main(["spawned"]) -> spawn(fun() -> halt(4) end), receive after infinity -> ok end;
main(["stderr"]) -> io:format(standard_error, "to ~p~n", [stderr]);
main(["ready"]) -> io:format("ready~n"), receive after infinity -> ok end;
main(["line"]) -> io:format("~p~n~p~n~p~n", [io:get_line("p> "), io:get_line(""), io:get_line("")]);
main(["hour"]) -> receive after 3600000 -> io:format("done~n") end;
main(["path"]) -> io:format("~p~n", [helper:where()]);
main(["cat"]) -> port_command(open_port({spawn, "sh -c \"exec cat 2>&-\""}, []), <<0:80000000>>), halt(6);
main(["fds"]) -> io:put_chars(os:cmd("ls /proc/self/fd | tr '\\n' ' '"));
main(["closed"]) ->
    P = open_port({spawn, "sh -c 'readlink /proc/self/fd/2; echo err >&2; cat'"}, [{line, 80}]),
    {ok, F} = file:open(os:getenv("OUT"), [write]),
    [receive {P, {data, {eol, L}}} -> io:format(F, "~s ", [L]) end || _ <- [1, 2], port_command(P, "cat\n")];
main(["undef"]) -> no_such:function(1).
EOF
cat >"$tmp/started.erl" <<'EOF'
-module(started).
-export([start/0]).
start() -> io:format("started~n"), x.
EOF
cat >"$tmp/nothing.erl" <<'EOF'
-module(nothing).
-export([other/0]).
other() -> ok.
EOF
cat >"$tmp/helper.erl" <<'EOF'
-module(helper).
-export([where/0, fail/1]).
where() -> ?WHERE.
fail(X) -> true = X > 3.
EOF
erlc -o "$tmp/ebin" "$tmp/cli.erl" "$tmp/started.erl" "$tmp/nothing.erl" || exit 1
erlc -o "$tmp/ebin" -DWHERE=ebin "$tmp/helper.erl" || exit 1
erlc -o "$tmp/other" -DWHERE=other "$tmp/helper.erl" || exit 1
head -c 300 "$tmp/ebin/cli.beam" >"$tmp/cut.beam"
nl='
'
expect version 0 '*' '' -- --version
expect help 0 '*' '' -- --help
expect no-module 2 '' 'usage' --
expect bad-option 2 '' 'usage' -- --frobnicate
expect bad-number 2 '' 'usage' -- --schedulers x m
expect sim-threads 2 '' 'usage' -- --host sim --schedulers 2 m
expect eval 0 "[1,2,3].$nl" '' -- -e 'lists:sort([3,1,2])'
expect eval-twice 0 "2.${nl}[b].$nl" '' -- -e 'erlang:abs(-2)' -e 'lists:reverse([b])'
expect eval-bad 2 '' 'character' -- -e 'lists:sort(X)'
expect eval-crash 1 '' 'bad argument' -- -e 'erlang:abs(a)' 
expect args 0 "[\"one\",\"zwei $(printf '\374')\"]$nl" '' -- -pa "$tmp/ebin" cli args one 'zwei ü'
expect file 0 "[]$nl" '' -- "$tmp/ebin/cli.beam" args
expect beside 0 "ebin$nl" '' -- "$tmp/ebin/cli.beam" path
expect pa-order 0 "other$nl" '' -- -pa "$tmp/other" -pa "$tmp/ebin" cli path
expect pz-last 0 "ebin$nl" '' -- -pz "$tmp/other" -pa "$tmp/ebin" cli path
expect print 0 "{a,\"b\",<<\"c\">>,#{d => 1.5}}.$nl" '' -- -p -pa "$tmp/ebin" cli value
expect start 0 "started$nl" '' -- -pa "$tmp/ebin" started
expect start-print 0 "started${nl}x.$nl" '' -- -p -pa "$tmp/ebin" started
expect neither 1 '' 'neither main/1 nor start/0' -- -pa "$tmp/ebin" nothing
expect not-found 1 '' 'no_such' -- no_such
expect no-file 1 '' 'No such file' -- "$tmp/no.beam"
expect cut-file 1 '' 'ling-run: ' -- "$tmp/cut.beam"
expect crash 1 '' 'helper.erl, line 4' -- -pa "$tmp/ebin" cli crash
expect crash-text 1 '' 'no match of right hand side value false' -- -pa "$tmp/ebin" cli crash
expect throw 1 '' 'exception throw: ball' -- -pa "$tmp/ebin" cli throw
expect exit-normal 0 '' '' -- -pa "$tmp/ebin" cli exit
expect exit-reason 1 '' 'exception exit: "why"' -- -pa "$tmp/ebin" cli exit why
expect kill 1 '' 'killed' -- -pa "$tmp/ebin" cli kill
expect undef 1 '' 'undefined function no_such:function/1' -- -pa "$tmp/ebin" cli undef
expect halt 7 'before' '' -- -pa "$tmp/ebin" cli halt 7
expect halt-0 0 'before' '' -- -pa "$tmp/ebin" cli halt 0
expect halt-spawned 4 '' '' -- -pa "$tmp/ebin" cli spawned
expect halt-cat 6 '' '' -- -pa "$tmp/ebin" cli cat
expect threads-halt-cat 6 '' '' -- --schedulers 2 -pa "$tmp/ebin" cli cat
# Without standard descriptors of its own a program still has all three.
OUT="$tmp/closed" "$run" -pa "$tmp/ebin" cli closed <&- >&- 2>&-
expect closed 0 "{ok,<<\"/dev/null cat \">>}.$nl" '' -- -e "file:read_file(\"$tmp/closed\")"
exec 8<"$tmp/cli.erl" 9>"$tmp/nine"
expect fds 0 '0 1 2 3 ' '' -- -pa "$tmp/ebin" cli fds
exec 8<&- 9>&-
expect stderr 0 '' 'to stderr' -- -pa "$tmp/ebin" cli stderr
expect eof 0 "p> eof${nl}eof${nl}eof$nl" '' -- -pa "$tmp/ebin" cli line
expect sim 0 "done$nl" '' -- --host sim -pa "$tmp/ebin" cli hour
expect sim-deadlock 1 '' 'nothing can ever happen\|no process can run' -- --host sim -e 'timer:sleep(infinity)'
expect threads 0 "[]$nl" '' -- --schedulers 2 -pa "$tmp/ebin" cli args
expect threads-halt 7 'before' '' -- --schedulers 2 -pa "$tmp/ebin" cli halt 7
expect stats 0 "[]$nl" 'reductions' -- --stats -pa "$tmp/ebin" cli args
expect no-otp 1 '' 'lists' -- --otp-root /nonexistent -e 'lists:sort([1])'
expect check 0 '*' '' -- --check -pa "$tmp/ebin" helper
expect check-none 1 '' 'not on the code path' -- --check no_such

out=$(printf 'one\r\nzwei' | "$run" -pa "$tmp/ebin" cli line)
if [ "$out" = "p> \"one\\n\"$nl\"zwei\"${nl}eof" ]; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAILED: input: $out"
fi
# Every way to read, compared with stock erl on the same input.
cat >"$tmp/reads.erl" <<'EOF'
-module(reads).
-export([main/1]).
main(_) ->
    [io:format("~p~n", [F()]) || F <- [
        fun() -> io:get_line("name> ") end, fun() -> io:fread("n> ", "~d ~s") end,
        fun() -> io:get_chars("c> ", 3) end, fun() -> io:get_line('') end,
        fun() -> io:read("t> ") end, fun() -> io:read("t> ") end, fun() -> io:read("t> ") end,
        fun() -> io:fread("", "~d") end, fun() -> io:fread("", "~d") end,
        fun() -> io:get_line("") end, fun() -> io:get_line("") end,
        fun() -> io:scan_erl_exprs("") end, fun() -> io:parse_erl_exprs("") end,
        fun() -> io:scan_erl_form("") end, fun() -> io:parse_erl_form("") end,
        fun() -> file:read_line(standard_io) end, fun() -> io:get_chars("", 100) end,
        fun() -> io:get_line("") end, fun() -> io:read("") end, fun() -> io:fread("", "~d") end,
        fun() -> {io:columns(), io:rows()} end]].
EOF
erlc -o "$tmp/ebin" "$tmp/reads.erl" || exit 1
cat >"$tmp/in" <<'EOF'
Joe
42 abc
xyzrest
{a,
 [1,2]}.
foo bar.
"str". 7
x

last line
X = 1, foo(X).
Y + 2.
-module(m).
f(X) -> X.
raw
some chars
EOF
printf 'the end' >>"$tmp/in"
erl -noshell -boot no_dot_erlang -pa "$tmp/ebin" -eval 'reads:main([]), halt().' \
    <"$tmp/in" >"$tmp/want" 2>&1
"$run" -pa "$tmp/ebin" reads <"$tmp/in" >"$tmp/out" 2>&1
if cmp -s "$tmp/want" "$tmp/out"; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAILED: reading" && diff "$tmp/want" "$tmp/out"
fi
out=$(ERL_ROOTDIR=/nonexistent PATH=/usr/bin:/bin "$run" -e 'lists:sort([2,1])')
[ "$out" = '[1,2].' ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAILED: root"; }
# It has to run first: what a shell starts in the background ignores SIGINT.
: >"$tmp/out"
"$run" -pa "$tmp/ebin" cli ready >"$tmp/out" 2>"$tmp/err" &
pid=$!
for _ in $(seq 6000); do
    grep -q ready "$tmp/out" && break
    sleep 0.05
done
kill -INT $pid
wait $pid
[ $? = 1 ] && passed=$((passed + 1)) || { failed=$((failed + 1)); echo "FAILED: SIGINT"; cat "$tmp/err"; }

echo "$passed passed, $failed failed"
[ $failed = 0 ]
