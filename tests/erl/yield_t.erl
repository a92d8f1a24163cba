%% yield_t: BIFs with so much to do that they give way in the middle, several processes at once:
%% results and errors are those of small inputs.
-module(yield_t).
-export([main/1]).
-compile({nowarn_deprecated_function, {erlang, phash, 2}}).

main(_) ->
    N = 150000,
    L = lists:seq(1, N),
    Bytes = [X rem 251 || X <- L],
    Bin = list_to_binary(lists:duplicate(12, Bytes)),
    Size = byte_size(Bin) - 1,
    <<_:3, Odd:Size/binary, _/bits>> = Bin,
    High = unicode:characters_to_binary([X rem 60000 band 16#7fff || X <- L]),
    Pairs = [{X * 7 rem N, X} || X <- L],
    Map = maps:from_list(Pairs),
    Other = maps:from_keys(lists:seq(N div 2, N + 1000), other),
    Mixed = [{X, [X * 1.5], <<X:32>>, #{X => a}, "text", -X bsl 70} || X <- lists:seq(1, 30000)],
    Deep = lists:foldl(fun(X, A) -> [A, X rem 256, <<X:16>> | <<"tail">>] end, [], lists:seq(1, 100000)),
    Words = [integer_to_binary(X) || X <- lists:seq(1, 5000)],
    %% (Stock OTP never comes back from a from_list of so many pairs and one that is none, nor from md5
    %% of a large binary that is not aligned.)
    %% The format of a compressed term and the order of a large map are each VM's own business.
    Calls =
        [{length, fun() -> {length(L), length(Bytes ++ Bytes)} end},
         {reverse, fun() -> lists:reverse(Bytes, tail) end},
         {append, fun() -> Bytes ++ tail end},
         {subtract, fun() -> {L -- lists:reverse(L), Bytes -- L, (L ++ L) -- L} end},
         {member, fun() -> {lists:member(N, L), lists:member(0, L), lists:member(1.0, L)} end},
         {keys, fun() -> {lists:keyfind(N - 1, 2, Pairs), lists:keymember(N, 1, Pairs),
                          lists:keysearch(float(N), 2, Pairs)} end},
         {tuples, fun() -> {tuple_to_list(list_to_tuple(L)), list_to_tuple(Pairs)} end},
         {list_to_binary, fun() -> list_to_binary([Bytes, Deep, Odd | Bin]) end},
         {list_to_bitstring, fun() -> list_to_bitstring([<<1:3>>, Deep, Bytes, <<5:7>> | Odd]) end},
         {iolist_size, fun() -> iolist_size([Deep, Deep | Bin]) end},
         {iovec, fun() -> iolist_to_binary(erlang:iolist_to_iovec([Deep, Bytes, Bin, Deep])) end},
         {binary_to_list, fun() -> {binary_to_list(Odd), binary_to_list(Bin, 3, N)} end},
         {bitstring_to_list, fun() -> bitstring_to_list(<<Odd/binary, 5:3>>) end},
         {copy, fun() -> {binary:copy(Odd), binary:copy(<<"abc">>, N)} end},
         {common, fun() -> {binary:longest_common_prefix([Bin, <<Bin/binary, 1>>, Bin]),
                            binary:longest_common_suffix([Odd, <<1, Odd/binary>>])} end},
         {match, fun() -> {binary:match(Bin, <<255>>), binary:match(Odd, <<250, 0, 2>>),
                           binary:match(Bin, [<<255>>, <<250, 1>>]),
                           binary:match(Bin, list_to_binary([Bytes, 255]))} end},
         {matches, fun() -> {binary:matches(Bin, <<250, 0>>), binary:matches(Bin, [<<7>>, <<7, 8>>, <<9>>])} end},
         {split, fun() -> binary:split(Bin, [<<7, 8>>, <<1>>], [global, trim_all]) end},
         {replace, fun() -> binary:replace(Bin, <<1, 2>>, <<"new">>, [global]) end},
         {compiled, fun() -> binary:matches(High, binary:compile_pattern(Words)) end},
         {round_trip, fun() -> binary_to_term(term_to_binary(Mixed)) =:= Mixed end},
         {encoded, fun() -> {term_to_binary(Mixed), term_to_binary(Pairs), term_to_binary(Bytes)} end},
         {iovec_term, fun() -> iolist_to_binary(erlang:term_to_iovec({Mixed, Bin})) end},
         {map_trip, fun() -> binary_to_term(term_to_binary(Map)) =:= Map end},
         {external_size, fun() -> [erlang:external_size(X) || X <- [Mixed, Pairs, Bytes, Bin]] end},
         {compressed, fun() -> [binary_to_term(term_to_binary(X, [{compressed, Level}])) =:= X
                                || X <- [Mixed, Bin], Level <- [0, 1, 6]] end},
         {compressed_bytes, fun() -> term_to_binary(Bytes, [compressed]) end},
         {used, fun() -> B = term_to_binary(Pairs),
                         element(2, binary_to_term(<<B/binary, 0>>, [used])) - byte_size(B) end},
         {phash2, fun() -> [erlang:phash2(X) || X <- [L, Bytes, Pairs, Map, Mixed, Bin, Odd]] end},
         {phash, fun() -> [erlang:phash(X, 1 bsl 32) || X <- [L, Bytes, Pairs, Mixed, Bin, Odd]] end},
         {digests, fun() -> {erlang:md5([Bytes, [Bytes], Bin]), erlang:crc32([Bin, Bytes]),
                             erlang:crc32(5, Bin), erlang:adler32(Bin), erlang:adler32(5, Bytes),
                             erlang:md5_final(erlang:md5_update(erlang:md5_init(), Bin))} end},
         {maps, fun() -> {lists:sort(maps:to_list(Map)), lists:sum(maps:keys(Map)),
                          lists:sum(maps:values(Map)), map_size(maps:from_keys(Bytes, x))} end},
         {merge, fun() -> [lists:sort(maps:to_list(M))
                           || M <- [maps:merge(Map, Other), maps:merge(#{1 => one}, Map),
                                    maps:merge(Map, maps:from_keys(lists:seq(1, 10000), few)),
                                    maps:merge(maps:from_keys(lists:seq(1, 10000), few), Map)]] end},
         {utf8, fun() -> {unicode:characters_to_list(High), unicode:characters_to_binary(High),
                          unicode:characters_to_binary(unicode:characters_to_list(High))} end},
         {latin1, fun() -> {unicode:characters_to_binary(Bin, latin1),
                            unicode:characters_to_list(Odd, latin1),
                            unicode:characters_to_list(Bytes, latin1)} end},
         {utf8_error, fun() -> {element(1, unicode:characters_to_binary([High, 255, <<195>>])),
                                unicode:characters_to_binary([L, [High, <<255>> | "x"], "rest"]),
                                unicode:characters_to_list([High | <<195>>])} end},
         {integers, fun() -> I = (1 bsl 400000) - 7,
                             {T, B, H} = {integer_to_list(I), integer_to_binary(-I), integer_to_list(I, 16)},
                             {T, B, H, list_to_integer(T) - I, binary_to_integer(B) + I,
                              list_to_integer(H, 16) - I, binary_to_integer(list_to_binary(H), 16) - I} end},
         {utf16, fun() -> unicode:characters_to_binary(High, utf8, utf16) end}],
    [io:format("~p ~p~n", [Name, Hash]) || {Name, Hash} <- at_once(Calls)],
    Bad = L ++ bad,
    Broken = binary:part(term_to_binary(Mixed), 0, 500000),
    Errors =
        [{length, fun() -> {length(Bad)} end},
         {guard, fun() -> if length(Bad) > 1 -> yes; true -> no end end},
         {member, fun() -> lists:member(x, Bad) end},
         {keyfind, fun() -> lists:keyfind(x, 1, Bad) end},
         {append, fun() -> [Bad ++ []] end},
         {subtract, fun() -> {L -- Bad} end},
         {list_to_binary, fun() -> list_to_binary([Bytes, a]) end},
         {iolist_size, fun() -> iolist_size([Bytes, [Bytes | 256]]) end},
         {list_to_tuple, fun() -> list_to_tuple(Bad) end},
         {binary_to_term, fun() -> binary_to_term(Broken) end},
         {from_keys, fun() -> maps:from_keys(Bad, x) end},
         {characters, fun() -> unicode:characters_to_binary([L | x]) end}],
    [io:format("~p ~p~n", [Name, outcome(F)]) || {Name, F} <- Errors],
    [io:format("~p ~p~n", [Name, Hash]) || {Name, Hash} <- at_once(Errors)],
    ok.

%% A few calls at once, a process each. One that is told about things meanwhile goes on.
at_once([A, B, C, D | Calls]) -> together([A, B, C, D]) ++ at_once(Calls);
at_once(Calls) -> together(Calls).

together(Calls) ->
    Me = self(),
    Ps = [{Name, spawn(fun() -> Me ! {self(), erlang:phash2(outcome(F))} end)} || {Name, F} <- Calls],
    [begin process_info(P, messages), erlang:garbage_collect(P), P ! message end || {_, P} <- Ps],
    [receive {P, V} -> {Name, V} end || {Name, P} <- Ps].

outcome(F) ->
    try F()
    catch
        Class:Reason:Stack ->
            {Class, Reason, [{M, Fn, if is_list(A) -> {args, length(A)}; true -> A end}
                             || {M, Fn, A, _} <- lists:takewhile(fun ours/1, Stack)]}
    end.

ours({?MODULE, outcome, _, _}) -> false;
ours(_) -> true.
