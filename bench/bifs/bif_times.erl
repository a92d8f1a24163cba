%% Nanoseconds of CPU time a call of a library function takes: one line per function. What it works on
%% is made before; each is called until a tenth of a second has passed. See bifs.py.
-module(bif_times).
-export([main/1]).

main(Only) ->
    [begin
         {P, R} = spawn_monitor(fun() -> io:format("TIME ~s ~w~n", [Name, time(Make())]) end),
         receive {'DOWN', R, process, P, Why} -> Why == normal orelse io:format("FAIL ~s ~p~n", [Name, Why]) end
     end || {Name, Make} <- ops(), Only == [] orelse lists:member(Name, Only)],
    halt(0).

time(F) ->
    F(),
    time(F, 1).
time(F, N) ->
    garbage_collect(),
    {T0, _} = statistics(runtime),
    repeat(F, N),
    {T1, _} = statistics(runtime),
    if T1 - T0 < 20 -> time(F, N * 4);
       T1 - T0 < 100 -> time(F, N * 2);
       true -> (T1 - T0) * 1000000 div N
    end.

repeat(_, 0) -> ok;
repeat(F, N) -> F(), repeat(F, N - 1).

ops() ->
    K = 1000,
    [{"match_one", fun() -> B = text(100 * K), fun() -> binary:match(B, <<"needle in it">>) end end},
     {"match_byte", fun() -> B = text(100 * K), fun() -> binary:match(B, <<0>>) end end},
     {"match_many", fun() -> B = text(100 * K), P = binary:compile_pattern([<<"zebra">>, <<"quark">>, <<"xylophone">>]),
                             fun() -> binary:match(B, P) end end},
     {"matches_short", fun() -> B = text(10 * K), fun() -> binary:matches(B, <<"qu">>) end end},
     {"split_global", fun() -> B = text(10 * K), fun() -> binary:split(B, <<" ">>, [global]) end end},
     {"replace_global", fun() -> B = text(10 * K), fun() -> binary:replace(B, <<"the">>, <<"THE">>, [global]) end end},
     {"compile_pattern", fun() -> fun() -> binary:compile_pattern([<<"alpha">>, <<"beta">>, <<"gamma">>]) end end},
     {"lcp", fun() -> B = text(10 * K), fun() -> binary:longest_common_prefix([B, <<B/binary, 1>>]) end end},
     {"bin_copy", fun() -> fun() -> binary:copy(<<"abc">>, 10 * K) end end},
     {"decode_unsigned", fun() -> B = text(100), fun() -> binary:decode_unsigned(B) end end},
     {"encode_hex", fun() -> B = text(1000), fun() -> binary:encode_hex(B) end end},
     {"iolist_to_binary", fun() -> L = [[<<"abc">>, $d, "efg"] || _ <- seq(1000)], fun() -> iolist_to_binary(L) end end},
     {"list_to_binary", fun() -> L = binary_to_list(text(10 * K)), fun() -> list_to_binary(L) end end},
     {"binary_to_list", fun() -> B = text(10 * K), fun() -> binary_to_list(B) end end},
     {"iolist_size", fun() -> L = [[<<"abc">>, $d, "efg"] || _ <- seq(1000)], fun() -> iolist_size(L) end end},
     {"append_bytes", fun() -> fun() -> bytes(10 * K, <<>>) end end},
     {"match_bytes", fun() -> B = text(10 * K), fun() -> sum(B, 0) end end},
     {"match_bits", fun() -> B = text(1000), fun() -> bits(B, 0) end end},
     {"build_fields", fun() -> fun() -> fields(1000, 0) end end},
     {"build_utf8", fun() -> L = [16#400 + X rem 256 || X <- seq(1000)], fun() -> << <<C/utf8>> || C <- L >> end end},
     {"match_utf8", fun() -> B = << <<(16#400 + X rem 256)/utf8>> || X <- seq(1000) >>, fun() -> utf8(B, 0) end end},
     {"to_characters_list", fun() -> B = text(10 * K), fun() -> unicode:characters_to_list(B) end end},
     {"to_characters_binary", fun() -> L = [16#400 + X rem 256 || X <- seq(10 * K)], fun() -> unicode:characters_to_binary(L) end end},
     {"normalize", fun() -> B = text(1000), fun() -> unicode:characters_to_nfc_binary(B) end end},
     {"reverse", fun() -> L = seq(1000), fun() -> lists:reverse(L) end end},
     {"append", fun() -> L = seq(1000), fun() -> L ++ [] end end},
     {"subtract", fun() -> L = seq(1000), fun() -> L -- L end end},
     {"member", fun() -> L = seq(1000), fun() -> lists:member(x, L) end end},
     {"keyfind", fun() -> L = [{X, X} || X <- seq(1000)], fun() -> lists:keyfind(x, 1, L) end end},
     {"length", fun() -> L = seq(1000), fun() -> length(L) end end},
     {"sort", fun() -> L = random(1000), fun() -> lists:sort(L) end end},
     {"sort_strings", fun() -> L = [integer_to_list(X) || X <- random(1000)], fun() -> lists:sort(L) end end},
     {"keysort", fun() -> L = [{X, X} || X <- random(1000)], fun() -> lists:keysort(1, L) end end},
     {"usort", fun() -> L = random(1000), fun() -> lists:usort(L) end end},
     {"map_fold", fun() -> L = seq(1000), fun() -> lists:foldl(fun(X, A) -> X + A end, 0, lists:map(fun(X) -> X * 2 end, L)) end end},
     {"list_to_tuple", fun() -> L = seq(1000), fun() -> list_to_tuple(L) end end},
     {"tuple_to_list", fun() -> T = list_to_tuple(seq(1000)), fun() -> tuple_to_list(T) end end},
     {"setelement", fun() -> T = list_to_tuple(seq(100)), fun() -> setelement(50, T, x) end end},
     {"list_to_integer", fun() -> fun() -> list_to_integer("123456789") end end},
     {"integer_to_list", fun() -> fun() -> integer_to_list(123456789) end end},
     {"integer_to_binary", fun() -> fun() -> integer_to_binary(123456789) end end},
     {"binary_to_integer", fun() -> fun() -> binary_to_integer(<<"123456789">>) end end},
     {"float_to_list", fun() -> fun() -> float_to_list(3.14159265) end end},
     {"float_to_short", fun() -> fun() -> float_to_binary(3.14159265, [short]) end end},
     {"float_to_decimals", fun() -> fun() -> float_to_binary(3.14159265, [{decimals, 4}]) end end},
     {"list_to_float", fun() -> fun() -> list_to_float("3.14159265") end end},
     {"big_to_text", fun() -> X = big(10000), fun() -> integer_to_binary(X) end end},
     {"text_to_big", fun() -> B = integer_to_binary(big(10000)), fun() -> binary_to_integer(B) end end},
     {"huge_to_text", fun() -> X = big(400000), fun() -> integer_to_binary(X) end end},
     {"huge_base_7", fun() -> X = big(400000), fun() -> integer_to_binary(X, 7) end end},
     {"big_multiply", fun() -> X = big(10000), fun() -> X * X end end},
     {"big_divide", fun() -> X = big(10000), Y = big(5000) * 3 div 7, fun() -> X div Y end end},
     {"big_add", fun() -> X = big(128), fun() -> X + X end end},
     {"big_compare", fun() -> X = big(128), Y = big(128) - 1, fun() -> X > Y end end},
     {"big_shift", fun() -> X = big(1000), fun() -> X bsr 500 end end},
     {"atom_to_list", fun() -> fun() -> atom_to_list(some_atom) end end},
     {"binary_to_atom", fun() -> fun() -> binary_to_existing_atom(<<"some_atom">>) end end},
     {"maps_put_small", fun() -> M = maps:from_list([{X, X} || X <- seq(10)]), fun() -> M#{5 => y, 7 => z} end end},
     {"maps_get_small", fun() -> M = maps:from_list([{X, X} || X <- seq(10)]), fun() -> maps:get(7, M) end end},
     {"maps_get_large", fun() -> M = maps:from_list([{X, X} || X <- seq(10 * K)]), fun() -> maps:get(777, M) end end},
     {"maps_put_large", fun() -> M = maps:from_list([{X, X} || X <- seq(10 * K)]), fun() -> M#{777 => y} end end},
     {"maps_from_list", fun() -> L = [{X, X} || X <- random(1000)], fun() -> maps:from_list(L) end end},
     {"maps_to_list", fun() -> M = maps:from_list([{X, X} || X <- random(1000)]), fun() -> maps:to_list(M) end end},
     {"maps_merge", fun() -> M = maps:from_list([{X, X} || X <- random(1000)]), M2 = maps:from_list([{X, y} || X <- seq(1000)]),
                             fun() -> maps:merge(M, M2) end end},
     {"maps_fold", fun() -> M = maps:from_list([{X, X} || X <- random(1000)]), fun() -> maps:fold(fun(_, V, A) -> V + A end, 0, M) end end},
     {"maps_string_key", fun() -> M = maps:from_list([{integer_to_binary(X), X} || X <- seq(1000)]), fun() -> maps:get(<<"777">>, M) end end},
     {"phash2", fun() -> T = {some, "term", [with, <<"several">>, 1.5, parts]}, fun() -> erlang:phash2(T) end end},
     {"phash2_binary", fun() -> B = text(10 * K), fun() -> erlang:phash2(B) end end},
     {"md5", fun() -> B = text(10 * K), fun() -> erlang:md5(B) end end},
     {"crc32", fun() -> B = text(10 * K), fun() -> erlang:crc32(B) end end},
     {"adler32", fun() -> B = text(10 * K), fun() -> erlang:adler32(B) end end},
     {"term_to_binary", fun() -> T = [{X, integer_to_list(X), some_atom} || X <- seq(100)], fun() -> term_to_binary(T) end end},
     {"binary_to_term", fun() -> B = term_to_binary([{X, integer_to_list(X), some_atom} || X <- seq(100)]), fun() -> binary_to_term(B) end end},
     {"compressed", fun() -> T = [{X, integer_to_list(X), some_atom} || X <- seq(100)], fun() -> term_to_binary(T, [compressed]) end end},
     {"external_size", fun() -> T = [{X, integer_to_list(X), some_atom} || X <- seq(100)], fun() -> erlang:external_size(T) end end},
     {"compare_terms", fun() -> T = [{X, integer_to_list(X)} || X <- seq(100)], U = [{X, integer_to_list(X)} || X <- seq(100)], fun() -> T == U end end},
     {"re_run", fun() -> {ok, R} = re:compile("(\\w+)@(\\w+)\\.com"), B = <<(text(1000))/binary, "joe@example.com">>, fun() -> re:run(B, R) end end},
     {"re_global", fun() -> {ok, R} = re:compile("[aeiou]+"), B = text(1000), fun() -> re:run(B, R, [global]) end end},
     {"re_replace", fun() -> B = text(1000), fun() -> re:replace(B, "o(.)", "0\\1", [global, {return, binary}]) end end},
     {"re_compile", fun() -> fun() -> re:compile("(a|b)*c[d-f]+$") end end},
     {"re_split", fun() -> B = text(1000), fun() -> re:split(B, "[ ,]+") end end},
     {"ets_insert", fun() -> T = ets:new(t, [public]), fun() -> ets:insert(T, {key, 1, <<"abc">>, "list"}) end end},
     {"ets_lookup", fun() -> T = filled(set), fun() -> ets:lookup(T, 777) end end},
     {"ets_lookup_element", fun() -> T = filled(set), fun() -> ets:lookup_element(T, 777, 2) end end},
     {"ets_counter", fun() -> T = filled(set), fun() -> ets:update_counter(T, 777, {3, 1}) end end},
     {"ets_member", fun() -> T = filled(set), fun() -> ets:member(T, 777) end end},
     {"ets_insert_delete", fun() -> T = filled(set), fun() -> ets:insert(T, {-1, x}), ets:delete(T, -1) end end},
     {"ets_ordered_lookup", fun() -> T = filled(ordered_set), fun() -> ets:lookup(T, 777) end end},
     {"ets_ordered_next", fun() -> T = filled(ordered_set), fun() -> ets:next(T, 777) end end},
     {"ets_ordered_insert", fun() -> T = filled(ordered_set), fun() -> ets:insert(T, {777, x, 0}) end end},
     {"ets_bag_insert", fun() -> T = ets:new(t, [bag]), fun() -> ets:insert(T, {1, 2}) end end},
     {"ets_select", fun() -> T = filled(set), fun() -> ets:select(T, [{{'$1', '_', '_'}, [{'>', '$1', 990}], ['$1']}]) end end},
     {"ets_match_key", fun() -> T = filled(set), fun() -> ets:match(T, {777, '$1', '_'}) end end},
     {"ets_select_range", fun() -> T = filled(ordered_set), fun() -> ets:select(T, [{{'$1', '_', '_'}, [{'>', '$1', 990}], ['$1']}]) end end},
     {"ets_tab2list", fun() -> T = filled(set), fun() -> ets:tab2list(T) end end},
     {"ets_foldl", fun() -> T = filled(set), fun() -> ets:foldl(fun({K1, _, _}, A) -> K1 + A end, 0, T) end end},
     {"ets_new_delete", fun() -> fun() -> ets:delete(ets:new(t, [])) end end},
     {"persistent_get", fun() -> persistent_term:put(bif_times, {a, b}), fun() -> persistent_term:get(bif_times) end end},
     {"counters_add", fun() -> C = counters:new(4, []), fun() -> counters:add(C, 2, 1) end end},
     {"atomics_cas", fun() -> C = atomics:new(4, []), fun() -> atomics:compare_exchange(C, 2, 0, 0) end end},
     {"get_put", fun() -> fun() -> put(key, 1), get(key) end end},
     {"make_ref", fun() -> fun() -> make_ref() end end},
     {"unique_integer", fun() -> fun() -> erlang:unique_integer([positive, monotonic]) end end},
     {"monotonic_time", fun() -> fun() -> erlang:monotonic_time(microsecond) end end},
     {"system_time", fun() -> fun() -> erlang:system_time(millisecond) end end},
     {"timestamp", fun() -> fun() -> os:timestamp() end end},
     {"localtime", fun() -> fun() -> erlang:localtime() end end},
     {"send_self", fun() -> fun() -> self() ! hello, receive hello -> ok end end end},
     {"send_data", fun() -> T = [{X, X} || X <- seq(100)], fun() -> self() ! T, receive T -> ok end end end},
     {"spawn_end", fun() -> fun() -> {_, R} = spawn_monitor(fun() -> ok end), receive {'DOWN', R, _, _, _} -> ok end end end},
     {"spawn_args", fun() -> L = seq(100), fun() -> {_, R} = spawn_monitor(lists, sum, [L]), receive {'DOWN', R, _, _, _} -> ok end end end},
     {"monitor", fun() -> P = spawn(fun() -> receive x -> ok end end), fun() -> demonitor(monitor(process, P)) end end},
     {"link", fun() -> P = spawn(fun() -> receive x -> ok end end), fun() -> link(P), unlink(P) end end},
     {"register", fun() -> fun() -> register(bif_times_name, self()), unregister(bif_times_name) end end},
     {"whereis", fun() -> fun() -> whereis(init) end end},
     {"is_alive", fun() -> P = self(), fun() -> is_process_alive(P) end end},
     {"process_info", fun() -> P = self(), fun() -> process_info(P, [message_queue_len, heap_size]) end end},
     {"timer", fun() -> fun() -> erlang:cancel_timer(erlang:start_timer(10000, self(), x)) end end},
     {"try_throw", fun() -> fun() -> try throw(x) catch throw:Y -> Y end end end},
     {"try_error", fun() -> fun() -> try error(x) catch error:_:S -> S end end end},
     {"badmatch", fun() -> X = self(), fun() -> try X = {} catch error:{badmatch, _} -> ok end end end},
     {"apply", fun() -> M = lists, F = max, fun() -> M:F([1, 2]) end end},
     {"make_fun", fun() -> X = self(), fun() -> fun() -> X end end end},
     {"io_lib_format", fun() -> fun() -> io_lib:format("~p ~s ~w~n", [{a, [1, 2]}, "text", 17]) end end},
     {"io_lib_write", fun() -> T = [{X, integer_to_list(X)} || X <- seq(100)], fun() -> io_lib:write(T) end end},
     {"string_split", fun() -> S = binary_to_list(text(1000)), fun() -> string:split(S, ",", all) end end},
     {"string_upper", fun() -> B = text(1000), fun() -> string:uppercase(B) end end},
     {"string_tokens", fun() -> S = binary_to_list(text(1000)), fun() -> string:lexemes(S, " ") end end},
     {"base64", fun() -> B = text(1000), fun() -> base64:decode(base64:encode(B)) end end},
     {"scan_parse", fun() -> fun() -> {ok, T, _} = erl_scan:string("f(X) -> {X, [1, 2 | foo(X)]}."), erl_parse:parse_form(T) end end},
     {"gb_trees", fun() -> L = random(100), fun() -> lists:foldl(fun(X, T) -> gb_trees:enter(X, X, T) end, gb_trees:empty(), L) end end},
     {"dict", fun() -> L = random(100), fun() -> dict:from_list([{X, X} || X <- L]) end end},
     {"queue", fun() -> fun() -> lists:foldl(fun queue:in/2, queue:new(), [1, 2, 3, 4]) end end},
     {"array", fun() -> A = array:from_list(seq(1000)), fun() -> array:set(500, x, A) end end},
     {"sets", fun() -> L = random(100), fun() -> sets:from_list(L, [{version, 2}]) end end},
     {"rand", fun() -> rand:seed(exsss, 1), fun() -> rand:uniform(1000) end end},
     {"calendar", fun() -> fun() -> calendar:system_time_to_rfc3339(1600000000) end end}].

seq(N) -> lists:seq(1, N).
%% No simple pattern of bits.
big(Bits) -> lists:foldl(fun(I, N) -> N * 65536 + I * 40503 rem 65536 end, 1, seq(Bits div 16)).
random(N) -> random(N, 1).
random(0, _) -> [];
random(N, X) -> [X | random(N - 1, (X * 1103515245 + 12345) band 16#7fffffff)].
text(N) -> text(N, <<"the quick brown fox, jumps over the lazy dog; and so on until the end of it all ">>).
text(N, T) when byte_size(T) >= N -> binary:part(T, 0, N);
text(N, T) -> text(N, <<T/binary, T/binary>>).
bytes(0, B) -> B;
bytes(N, B) -> bytes(N - 1, <<B/binary, N>>).
sum(<<X, R/binary>>, N) -> sum(R, N + X);
sum(<<>>, N) -> N.
bits(<<A:3, B:5/signed, C:12/little, R/bitstring>>, N) -> bits(R, N + A + B + C);
bits(_, N) -> N.
fields(0, N) -> N;
fields(N, S) -> fields(N - 1, S + byte_size(<<N:16, S:32/little, 1:3, 2:5, "abc", 1.5:32/float>>)).
utf8(<<C/utf8, R/binary>>, N) -> utf8(R, N + C);
utf8(<<>>, N) -> N.
filled(Type) ->
    T = ets:new(t, [Type, public]),
    [ets:insert(T, {X, integer_to_binary(X), X}) || X <- seq(1000)],
    T.
