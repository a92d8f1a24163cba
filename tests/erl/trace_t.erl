%% trace_t: what stack traces show. Funs that cannot be called, apply/3 with what is no module, and
%% errors of BIFs after a guard has failed.
-module(trace_t).
-export([start/0]).
-compile([export_all, nowarn_export_all]).

start() ->
    Bad = fun(_, _) -> ok end,
    [t(F, A) || {F, A} <- [{call, [x]}, {call, [Bad]}, {call_last, [x]}, {call_last, [Bad]}, {call_only, [x]},
                           {call_only, [fun lists:map/2]}, {apply_fun, [x, [1]]}, {apply_fun, [fun lists:map/2, [1]]},
                           {apply_fun_last, [x, [1]]}, {apply_fun_last, [fun lists:map/2, [1]]},
                           {apply_mfa, [x, 1, [1]]}, {apply_mfa, [x, y, [1 | 2]]}, {apply_mfa_last, [x, 1, [1]]},
                           {dynamic, [1, x]}, {dynamic, [x, 1]}, {dynamic, [x, y]}, {dynamic0, [1, x]},
                           {dynamic_last, [1, x]}, {dynamic_last, [x, y]}, {nested, [x]}, {comprehension, [x]},
                           {after_guard, [[1 | 2]]}, {after_guard, [{}]}, {after_arith, [a]}]],
    ok.

t(F, A) ->
    try apply(?MODULE, F, A)
    catch C:R:S ->
            Frames = lists:takewhile(fun(X) -> element(2, X) =/= t end, S),
            io:format("~p ~p~n   ~p ~p ~p~n", [F, A, C, R, Frames])
    end.

id(X) -> hd([X]).
call(F) -> X = F(1), id(X).
call_last(F) -> id(1), F(1).
call_only(F) -> F(1).
apply_fun(F, A) -> X = apply(F, A), id(X).
apply_fun_last(F, A) -> id(1), apply(F, A).
apply_mfa(M, F, A) -> X = apply(M, F, A), id(X).
apply_mfa_last(M, F, A) -> id(1), apply(M, F, A).
dynamic(M, F) -> X = M:F(1), id(X).
dynamic0(M, F) -> X = M:F(), id(X).
dynamic_last(M, F) -> id(1), M:F(1).
nested(F) -> X = call_only(F), id(X).
comprehension(F) -> X = [F(Y) || Y <- [1]], id(X).
%% The operands of the guard must not be taken for the arguments of what fails next.
after_guard(X) when length(X) > 1 -> ok;
after_guard(X) when tuple_size(X) > element(3, X) -> ok;
after_guard(_) -> lists:reverse(id(1.5), 2).
after_arith(X) when X + 1 > 2; bnot X < 3; X * X > 1 -> ok;
after_arith(_) -> X = lists:keyfind(id(1), 0, []), id(X).
