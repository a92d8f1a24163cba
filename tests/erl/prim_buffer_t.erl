%% prim_buffer: a queue of binaries.
-module(prim_buffer_t).
-export([main/1]).

t(Label, F) ->
    R = try F() catch C:X -> {C, X} end,
    io:format("~0p: ~0p~n", [Label, R]).

each(F, L) -> [try F(X) catch C:E -> {C, E} end || X <- L].

main(_) ->
    B = prim_buffer:new(),
    Me = self(),
    t(new, fun() -> {is_reference(B), prim_buffer:size(B)} end),
    t(empty, fun() -> {prim_buffer:read(B, 0), prim_buffer:read_iovec(B, 0),
        prim_buffer:find_byte_index(B, $a), prim_buffer:wipe(B), prim_buffer:skip(B, 0)} end),
    [t({no_buffer, element(1, {X})}, fun() -> each(fun(F) -> F(X) end,
        [fun prim_buffer:size/1, fun(Y) -> prim_buffer:skip(Y, 0) end, fun prim_buffer:wipe/1,
         fun(Y) -> prim_buffer:write(Y, []) end, fun(Y) -> prim_buffer:read(Y, 1) end,
         fun(Y) -> prim_buffer:find_byte_index(Y, 1) end,
         fun prim_buffer:try_lock/1, fun prim_buffer:unlock/1]) end) || X <- [foo, 12, <<"b">>]],
    t(reference, fun() -> each(fun prim_buffer:size/1, [make_ref(), atomics:new(1, [])]) end),
    t(write, fun() -> each(fun(X) -> R = prim_buffer:write(B, X), {R, prim_buffer:size(B)} end,
        [[], [<<>>], [<<"ab">>, <<"cd">>], [<<>>, <<"ef">>, <<>>]]) end),
    t(write_bad, fun() -> each(fun(X) -> prim_buffer:write(B, X) end,
        [<<>>, [a], ["a"], [<<"x">> | <<"y">>], foo, [<<"x">>, a], [<<"x">> | a]]) end),
    t(size, fun() -> prim_buffer:size(B) end),
    t(read, fun() -> [prim_buffer:read(B, 3), prim_buffer:read(B, 2), prim_buffer:size(B)] end),
    t(read_bad, fun() -> each(fun(X) -> prim_buffer:read(B, X) end, [5, -1, 1.0, 1 bsl 70, 100]) end),
    t(skip_bad, fun() -> each(fun(X) -> prim_buffer:skip(B, X) end, [5, -1, a, 1.0, 1 bsl 70]) end),
    t(find, fun() -> each(fun(X) -> prim_buffer:find_byte_index(B, X) end,
        [$f, $z, $a, 0, 255, -1, 256, a, 1.0, 1 bsl 70]) end),
    t(wipe, fun() -> {prim_buffer:wipe(B), prim_buffer:size(B)} end),
    t(big, fun() ->
        prim_buffer:write(B, [binary:copy(<<"a">>, 1000) || _ <- lists:seq(1, 300)]),
        [prim_buffer:size(B), [byte_size(X) || X <- prim_buffer:read_iovec(B, 2500)],
         byte_size(prim_buffer:read(B, 100)), prim_buffer:find_byte_index(B, $b),
         prim_buffer:write(B, [<<"b">>]), prim_buffer:find_byte_index(B, $b),
         prim_buffer:skip(B, 297400), prim_buffer:read(B, 1), prim_buffer:size(B)]
    end),
    t(small_pieces, fun() ->
        prim_buffer:write(B, [<<X>> || X <- lists:seq(0, 255)]),
        [prim_buffer:find_byte_index(B, 199), iolist_to_binary(prim_buffer:read_iovec(B, 100)), prim_buffer:read(B, 10),
         prim_buffer:read(B, 90), prim_buffer:size(B), prim_buffer:wipe(B)]
    end),
    t(sub_binary, fun() ->
        <<_:3, X:100/binary, _/bits>> = binary:copy(<<170>>, 200),
        <<_:7/binary, Y:200/binary, _/binary>> = list_to_binary(lists:seq(0, 255)),
        prim_buffer:write(B, [X, Y]),
        [prim_buffer:read(B, 10), prim_buffer:read(B, 70), prim_buffer:skip(B, 20), prim_buffer:read(B, 100),
         prim_buffer:read_iovec(B, 100)]
    end),
    t(head_stays, fun() ->
        prim_buffer:write(B, [binary:copy(<<"x">>, 5000)]),
        [byte_size(prim_buffer:read(B, 200)), byte_size(prim_buffer:read(B, 4000)),
         [byte_size(X) || X <- prim_buffer:read_iovec(B, 800)], prim_buffer:size(B)]
    end),
    t(lock, fun() -> each(fun(F) -> F(B) end,
        [fun prim_buffer:try_lock/1, fun prim_buffer:try_lock/1, fun prim_buffer:unlock/1,
         fun prim_buffer:unlock/1, fun prim_buffer:try_lock/1]) end),
    t(other_process, fun() ->
        spawn(fun() -> Me ! {r, each(fun(F) -> F(B) end,
            [fun prim_buffer:size/1, fun prim_buffer:try_lock/1, fun prim_buffer:unlock/1,
             fun(X) -> prim_buffer:write(X, [<<"x">>]) end, fun(X) -> prim_buffer:read(X, 1) end])} end),
        receive {r, X} -> X end
    end),
    %% Against a list.
    t(model, fun() -> model(prim_buffer:new(), <<>>, rand:seed_s(exsss, 42), 3000, []) end),
    t(many, fun() -> lists:usort([begin X = prim_buffer:new(), prim_buffer:write(X, [<<"abc">>]), prim_buffer:size(X) end
        || _ <- lists:seq(1, 5000)]) end).

model(_, M, _, 0, Acc) -> {byte_size(M), erlang:phash2(Acc)};
model(B, M, S0, N, Acc) ->
    {K, S1} = rand:uniform_s(3, S0),
    {L, S2} = rand:uniform_s(2000, S1),
    case K of
        1 ->
            P = [binary:part(<<(binary:copy(<<L:16, N:16>>, 500))/binary>>, 0, L div I) || I <- [1, 3, 7]],
            ok = prim_buffer:write(B, P),
            model(B, iolist_to_binary([M | P]), S2, N - 1, Acc);
        2 ->
            Size = min(L, byte_size(M)),
            <<X:Size/binary, Rest/binary>> = M,
            X = prim_buffer:read(B, Size),
            model(B, Rest, S2, N - 1, [erlang:crc32(X) | Acc]);
        3 ->
            Size = min(L, byte_size(M)),
            <<_:Size/binary, Rest/binary>> = M,
            Found = case binary:match(M, <<L:8>>) of {At, 1} -> {ok, At}; nomatch -> not_found end,
            Found = prim_buffer:find_byte_index(B, L band 255),
            ok = prim_buffer:skip(B, Size),
            true = prim_buffer:size(B) =:= byte_size(Rest),
            model(B, Rest, S2, N - 1, [Found | Acc])
    end.
