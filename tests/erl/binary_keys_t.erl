%% Binaries as keys of large maps: however a binary is kept, it finds the same pair.
-module(binary_keys_t).
-export([main/1]).

main(_) ->
    Bytes = << <<(X * 7)>> || X <- lists:seq(1, 80) >>,
    Keys = [list_to_binary(lists:sublist(binary_to_list(Bytes), N)) || N <- lists:seq(0, 80)],
    M = maps:from_list([{K, byte_size(K)} || K <- Keys]),
    io:format("~w~n", [[maps:get(K, M) || K <- Keys]]),
    %% parts of a longer one, aligned and not
    Odd = <<1:3, Bytes/binary>>,
    io:format("~w~n", [[begin
                            <<A:N/binary, _/binary>> = Bytes,
                            <<_:3, B:N/binary, _/bits>> = Odd,
                            {maps:get(A, M), maps:get(B, M)}
                        end || N <- lists:seq(0, 80)]]),
    %% writable ones, and ones that have been sent
    io:format("~w~n", [[maps:get(W, M) || W <- appended(binary_to_list(Bytes), <<>>)]]),
    self() ! Keys,
    receive Sent -> io:format("~w~n", [lists:sum([maps:get(K, M) || K <- Sent])]) end,
    io:format("~w~n", [[maps:get(<<K/binary, 0>>, M, none) || K <- lists:sublist(Keys, 20)]]),
    io:format("~w~n", [map_size(maps:without(Keys, M))]).

appended([], B) -> [B];
appended([C | Cs], B) -> [B | appended(Cs, <<B/binary, C>>)].
