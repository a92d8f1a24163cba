%% What a stack trace shows of a tail call M:F(...) whose target raises: the caller where the target
%% is one of error, exit, throw; nothing of it for all other functions.
-module(stacktrace_tail_t).
-export([main/1, tail/3, framed/3, applied/3, called/3, through_fun/3]).

main(_) ->
    [show(Caller, F, A) || Caller <- [tail, framed, applied, called, through_fun],
                           {F, A} <- [{error, [x]}, {error, [x, [1, 2]]}, {error, [x, none]},
                                      {error, [x, [1], [{error_info, #{cause => y}}]]},
                                      {exit, [x]}, {throw, [x]}, {hd, [[]]}, {exit, [nopid, x]},
                                      {raise, [error, x, []]}, {nosuch, [1]}]].

show(Caller, F, A) ->
    Trace = try ?MODULE:Caller(id(erlang), id(F), id(A)), none
            catch C:R:S -> {C, R, [Fr || {M, _, _, _} = Fr <- S, M =:= ?MODULE orelse M =:= erlang,
                                         element(2, Fr) =/= main]}
            end,
    io:format("~p ~p~n   ~p~n", [Caller, {F, length(A)}, Trace]).

tail(M, F, [A]) -> M:F(A);
tail(M, F, [A, B]) -> M:F(A, B);
tail(M, F, [A, B, C]) -> M:F(A, B, C).

framed(M, F, [A]) -> id(1), M:F(A);
framed(M, F, [A, B]) -> id(1), M:F(A, B);
framed(M, F, [A, B, C]) -> id(1), M:F(A, B, C).

applied(M, F, A) -> id(1), apply(M, F, A).

called(M, F, A) -> X = apply(M, F, A), id(X).

through_fun(M, F, A) -> id(1), apply(fun_of(M, F, length(A)), A).

fun_of(M, F, 1) -> fun M:F/1;
fun_of(M, F, 2) -> fun M:F/2;
fun_of(M, F, 3) -> fun M:F/3.

id(X) -> hd([X]).
