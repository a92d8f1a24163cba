#!/bin/sh
# signals.sh LING-RUN: signals of the operating system: os:set_signal/2, and how they end a program.
set -u
run=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/sig.erl" <<'END'
-module(sig).
-export([main/1, sleep/0]).
main(_) ->
    register(erl_signal_server, self()),
    badarg = bad(sigterm, nothing),
    badarg = bad(sigwhat, handle),
    ok = os:set_signal(sigusr2, ignore),
    [begin
         ok = os:set_signal(S, handle),
         io:format("ready ~p~n", [S]),
         receive {notify, N} -> io:format("got ~p~n", [N]) end
     end || S <- [sigusr1, sighup, sigterm, sigquit, sigalrm]],
    ok = os:set_signal(sighup, default),
    io:format("ready last~n"),
    receive X -> io:format("~p~n", [X]) end.
bad(S, O) -> try os:set_signal(S, O) catch error:badarg -> badarg end.
sleep() -> io:format("ready sleep~n"), receive after 60000 -> ok end.
END
erlc -o "$tmp" "$tmp/sig.erl" || exit 1

# Waits until the program has written so many lines.
lines() {
    for _ in $(seq 6000); do
        [ "$(wc -l <"$tmp/out")" -ge "$1" ] && return 0
        sleep 0.05
    done
    echo "FAILED: no line $1"
    cat "$tmp/out" "$tmp/err"
    exit 1
}
failed=0
is() {
    [ "$2" = "$3" ] && return
    echo "FAILED: $1: $2, $3 expected"
    failed=1
}
for schedulers in 0 2; do
    : >"$tmp/out"
    "$run" --schedulers $schedulers -pa "$tmp" sig >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    n=1
    for s in USR1 HUP TERM QUIT ALRM; do
        lines $n
        kill -USR2 $pid
        kill -$s $pid
        n=$((n + 2))
    done
    lines $n
    kill -HUP $pid
    wait $pid
    is "end by SIGHUP" $? 129
    is "messages" "$(grep got "$tmp/out" | tr '\n' ' ')" \
        "got sigusr1 got sighup got sigterm got sigquit got sigalrm "
    : >"$tmp/out"
    "$run" --schedulers $schedulers -pa "$tmp" -e 'sig:sleep()' >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    lines 1
    kill -TERM $pid
    wait $pid
    is "end by SIGTERM" $? 1
done
[ $failed = 0 ] && echo "signals: passed"
exit $failed
