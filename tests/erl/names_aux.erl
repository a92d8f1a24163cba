%% Names for what has another number on each machine: pid1, pid2 ... in the order they come, kept in the
%% process dictionary (erase/0 begins anew).
-module(names_aux).
-export([name/2]).

name(Kind, T) ->
    case get(T) of
        undefined ->
            N = list_to_atom(Kind ++ integer_to_list(length([K || {K, _} <- get()]) + 1)),
            put(T, N),
            N;
        N -> N
    end.
