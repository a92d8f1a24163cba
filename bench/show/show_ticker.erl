%% A process that wakes up every 10 ms, and another that calls one long BIF on MB megabytes
%% meanwhile: how late was the ticker at worst? `spin` does nothing but run: what it shows is the
%% machine's own noise.
-module(show_ticker).
-export([main/1]).

main([Text]) ->
    MB = list_to_integer(Text),
    N = MB * 1000000 div 16, %% cells of a list
    Ops = [{spin, fun() -> 20000000 end, fun spin/1},
           {length, fun() -> seq(N) end, fun(L) -> length(L) end},
           {reverse, fun() -> seq(N) end, fun(L) -> lists:reverse(L) end},
           {append, fun() -> seq(N) end, fun(L) -> L ++ [] end},
           {member, fun() -> seq(N) end, fun(L) -> lists:member(none, L) end},
           {sort, fun() -> random(N, 1, []) end, fun(L) -> lists:sort(L) end},
           {list_to_binary, fun() -> lists:duplicate(N, $a) end, fun(L) -> list_to_binary(L) end},
           {binary_to_list, fun() -> bytes(N) end, fun(B) -> binary_to_list(B) end},
           {copy, fun() -> bytes(MB * 1000000) end, fun(B) -> binary:copy(B) end},
           {match, fun() -> bytes(MB * 1000000) end, fun(B) -> binary:match(B, <<"b">>) end},
           {split, fun() -> bytes(MB * 1000000) end, fun(B) -> binary:split(B, <<"ab">>, [global]) end},
           {encode, fun() -> seq(N) end, fun(L) -> term_to_binary(L) end},
           {decode, fun() -> term_to_binary(seq(N)) end, fun(B) -> binary_to_term(B) end},
           {compress, fun() -> seq(N) end, fun(L) -> term_to_binary(L, [compressed]) end},
           {phash2, fun() -> seq(N) end, fun(L) -> erlang:phash2(L) end},
           {md5, fun() -> bytes(MB * 1000000) end, fun(B) -> erlang:md5(B) end},
           {crc32, fun() -> bytes(MB * 1000000) end, fun(B) -> erlang:crc32(B) end},
           {from_list, fun() -> [{X, X} || X <- seq(N div 8)] end, fun(L) -> maps:from_list(L) end},
           {utf8, fun() -> bytes(MB * 1000000) end, fun(B) -> unicode:characters_to_binary([B, 256]) end}],
    [io:format("FIGURE ~w ~w~n", [Name, worst(Make, F)]) || {Name, Make, F} <- Ops].

worst(Make, F) ->
    Me = self(),
    {Worker, Ref} = spawn_monitor(fun() -> work(Me, Make, F) end),
    receive {Worker, ready} -> ok end,
    Ticker = spawn(fun() -> ticker(0, erlang:monotonic_time(microsecond)) end),
    Worker ! go,
    receive {Worker, done} -> ok end,
    Ticker ! {stop, self()},
    Worst = receive {Ticker, Late} -> Late end,
    exit(Worker, kill),
    receive {'DOWN', Ref, _, _, _} -> Worst end.

%% The result is kept until the ticker has been asked.
work(Parent, Make, F) ->
    X = Make(),
    Parent ! {self(), ready},
    receive go -> ok end,
    Y = F(X),
    Parent ! {self(), done},
    receive never -> {X, Y} end.

ticker(Worst, Before) ->
    receive {stop, From} -> From ! {self(), Worst}
    after 10 ->
        Now = erlang:monotonic_time(microsecond),
        ticker(max(Worst, Now - Before - 10000), Now)
    end.

seq(N) -> lists:seq(1, N).
bytes(N) -> binary:copy(<<"a">>, N).
random(0, _, L) -> L;
random(N, X, L) -> random(N - 1, (X * 1103515245 + 12345) band 16#7fffffff, [X | L]).
spin(0) -> ok;
spin(N) -> spin(N - 1).
