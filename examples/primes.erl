%% The Erlang side of nif.c: an ordinary module with a NIF library.
-module(primes).
-on_load(init/0).
-export([new/1, next/1, take/2]).

init() -> erlang:load_nif("primes", 0).

new(_From) -> erlang:nif_error(not_loaded).
next(_Primes) -> erlang:nif_error(not_loaded).

take(0, _) -> [];
take(N, Primes) -> [next(Primes) | take(N - 1, Primes)].
