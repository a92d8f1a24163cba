%% long_bifs_t: Erlang half of test_long_bifs.c: long BIFs let others run in the middle.
-module(long_bifs_t).
-compile({nowarn_deprecated_function, {erlang, phash, 2}}).
-export([greedy/0, killed/0, left/0, traces/0]).

%% Calls that take several time slices each. What they need is made once.
calls() ->
    N = 500000,
    L = lists:seq(1, N),
    Bytes = lists:duplicate(N, $a),
    Bin = binary:copy(<<"0123456789abcdef">>, 500000),
    <<_:3, Odd:7999999/binary, _/bits>> = <<0:3, Bin/binary, 0:5>>,
    High = binary:copy(<<"aaaaaaa", 195, 165>>, 500000),
    Pairs = [{X, X} || X <- L],
    Map = maps:from_list(Pairs),
    Tuple = list_to_tuple(L),
    Encoded = term_to_binary(Pairs),
    Packed = term_to_binary(L, [compressed]),
    Patterns = [integer_to_binary(X) || X <- lists:seq(1, 30000)],
    [{length, fun() -> length(L) end},
     {guard_length, fun() -> if length(L) > 7 -> 1; true -> 0 end end},
     {reverse, fun() -> lists:reverse(L) end},
     {reverse2, fun() -> lists:reverse(L, tail) end},
     {append, fun() -> L ++ [end_of_list] end},
     {subtract, fun() -> L -- L end},
     {member, fun() -> lists:member(none, L) end},
     {member_float, fun() -> lists:member(1.5, L) end},
     {keyfind, fun() -> lists:keyfind(none, 1, Pairs) end},
     {keymember, fun() -> lists:keymember(none, 1, Pairs) end},
     {keysearch, fun() -> lists:keysearch(0.5, 2, Pairs) end},
     {list_to_tuple, fun() -> list_to_tuple(L) end},
     {tuple_to_list, fun() -> tuple_to_list(Tuple) end},
     {list_to_binary, fun() -> list_to_binary(Bytes) end},
     {list_to_bitstring, fun() -> list_to_bitstring([Bytes, Odd, <<1:1>>]) end},
     {iolist_to_binary, fun() -> iolist_to_binary([Bin, Bytes, Odd]) end},
     {iolist_size, fun() -> iolist_size([Bytes | Bytes]) end},
     {iolist_to_iovec, fun() -> erlang:iolist_to_iovec([Bytes, Bin | Bin]) end},
     {binary_to_list, fun() -> binary_to_list(Bin) end},
     {binary_to_list3, fun() -> binary_to_list(Odd, 5, 4000000) end},
     {bitstring_to_list, fun() -> bitstring_to_list(Bin) end},
     {copy, fun() -> binary:copy(Odd) end},
     {copy2, fun() -> binary:copy(<<"abcdefgh">>, 1000000) end},
     {prefix, fun() -> binary:longest_common_prefix([Bin, Odd]) end},
     {suffix, fun() -> binary:longest_common_suffix([Bin, Bin]) end},
     {match, fun() -> binary:match(Bin, <<"A">>) end},
     {match_slow, fun() -> binary:match(Bin, <<"0123456789abcdef0123456789abcdeg">>) end},
     {match_many, fun() -> binary:match(Bin, [<<"A">>, <<"0123B">>]) end},
     {match_odd, fun() -> binary:match(Odd, <<"A">>) end},
     {matches, fun() -> binary:matches(Bin, <<"f">>) end},
     {split, fun() -> binary:split(Bin, <<"7">>, [global]) end},
     {compile_pattern, fun() -> binary:compile_pattern(Patterns) end},
     {compile_long, fun() -> binary:compile_pattern(Bin) end},
     {term_to_binary, fun() -> term_to_binary(Pairs) end},
     {term_to_binary_bin, fun() -> term_to_binary([Odd, Bin]) end},
     {term_to_binary_map, fun() -> term_to_binary(Map, [deterministic]) end},
     {compressed, fun() -> term_to_binary(L, [compressed]) end},
     {term_to_iovec, fun() -> term_to_iovec(Pairs) end},
     {external_size, fun() -> erlang:external_size(Pairs) end},
     {binary_to_term, fun() -> binary_to_term(Encoded) end},
     {uncompress, fun() -> binary_to_term(Packed) end},
     {used, fun() -> element(2, binary_to_term(Encoded, [used])) end},
     {phash2, fun() -> erlang:phash2(Pairs) end},
     {phash2_range, fun() -> erlang:phash2(Bin, 1000) end},
     {phash2_odd, fun() -> erlang:phash2(Odd) end},
     {phash, fun() -> erlang:phash({Map, Bin}, 1000) end},
     {md5, fun() -> erlang:md5([Bytes, Bin]) end},
     {md5_update, fun() -> erlang:md5_update(erlang:md5_init(), Bin) end},
     {crc32, fun() -> erlang:crc32(Bin) end},
     {crc32_2, fun() -> erlang:crc32(7, [Bytes, Odd]) end},
     {adler32, fun() -> erlang:adler32(Bytes) end},
     {adler32_2, fun() -> erlang:adler32(7, Bin) end},
     {from_list, fun() -> maps:from_list(Pairs) end},
     {from_keys, fun() -> maps:from_keys(L, v) end},
     {keys, fun() -> maps:keys(Map) end},
     {values, fun() -> maps:values(Map) end},
     {merge, fun() -> maps:merge(Map, #{a => 1}), maps:merge(Map, maps:from_keys(Bytes ++ L, v)) end},
     {merge_few, fun() -> maps:merge(maps:from_keys(lists:seq(1, 20000), v), Map) end},
     {utf8, fun() -> unicode:characters_to_binary(High) end},
     {utf8_list, fun() -> unicode:characters_to_list(High) end},
     {utf8_chars, fun() -> unicode:characters_to_binary(Bytes) end},
     {latin1, fun() -> unicode:characters_to_binary(High, latin1, utf8) end},
     {flat, fun() -> unicode:characters_to_list(Bytes, utf8) end},
     {bin_is_7bit, fun() -> unicode:bin_is_7bit(Bin) end}].

%% Names of calls in which nobody else ran; the counting process gets a turn whenever the caller
%% gives way.
greedy() ->
    C = counters:new(1, []),
    Other = spawn(fun() -> count(C) end),
    Few = [Name || {Name, F} <- calls(), turns(C, F) < 3],
    exit(Other, kill),
    Few.

count(C) ->
    counters:add(C, 1, 1),
    erlang:yield(),
    count(C).

turns(C, F) ->
    erlang:yield(),
    Before = counters:get(C, 1),
    F(),
    counters:get(C, 1) - Before.

%% Kills processes in the middle, after 1, 2 ... turns. The value says that all were still at it.
killed() ->
    Calls = calls(),
    lists:foreach(
      fun({_, F}) ->
              [begin
                   {P, Ref} = spawn_monitor(fun() -> exit({done, F()}) end),
                   [erlang:yield() || _ <- lists:seq(1, Turns)],
                   {_, _} = process_info(P, memory),
                   exit(P, kill),
                   receive {'DOWN', Ref, _, _, killed} -> ok end
               end || Turns <- [1, 2]]
      end, Calls),
    ok.

%% Leaves processes in the middle of everything when the VM is destroyed, collections asked for.
left() ->
    Ps = [spawn(F) || {_, F} <- calls()],
    [erlang:yield() || _ <- [1, 2, 3]],
    Me = self(),
    [spawn(fun() -> Me ! erlang:garbage_collect(P) end) || P <- Ps],
    length([ok || _ <- Ps, receive true -> true; false -> true end]).

%% An error found after giving way has the same stack trace as one found at once.
traces() ->
    Fs = [fun(T) -> {length([1, 2 | T])} end,
          fun(T) -> length([1, 2 | T]) end,
          fun(T) -> [list_to_binary([1, 2 | T])] end,
          fun(T) -> list_to_binary([1, 2 | T]) end,
          fun(T) -> lists:reverse([1 | T], []) end,
          fun(T) -> {T ++ []} end,
          fun(T) -> T -- [] end,
          fun(T) -> {lists:member(x, T)} end,
          fun(T) -> maps:from_keys(T, v) end,
          fun(T) -> erlang:md5(T) end,
          fun(T) -> unicode:characters_to_binary([T | a]) end,
          fun(T) -> apply(erlang, iolist_size, [T]) end],
    Long = lists:duplicate(300000, 1) ++ bad,
    [F || F <- Fs, failure(F, bad, []) =/= failure(F, Long, [])].

failure(F, Arg, _) ->
    try F(Arg) of V -> {value, V}
    catch
        Class:Reason:Stack -> {Class, Reason, [{M, N, arity(A), I} || {M, N, A, I} <- Stack]}
    end.

arity(A) when is_list(A) -> {args, length(A)};
arity(A) -> A.
