%% zlib: every function in every state of a stream, shapes of results, dictionaries, ends of streams.
%% Compressed bytes are compared by their checksums.
-module(zlib_t).
-compile(nowarn_deprecated_function).
-export([main/1]).

t(Label, F) ->
    R = try F() catch C:X -> {C, X} end,
    io:format("~0p: ~0p~n", [Label, short(R)]).

%% Binaries above some bytes as size and checksum; exits of catch without their stacks.
short({'EXIT', {R, _}}) -> {x, R};
short(B) when byte_size(B) > 8 -> {b, byte_size(B), erlang:crc32(B)};
short([H | T]) -> [short(H) | short(T)];
short(T) when is_tuple(T) -> list_to_tuple([short(X) || X <- tuple_to_list(T)]);
short(X) -> X.

data(N) -> data(N, 1, []).
data(0, _, A) -> list_to_binary(A);
data(N, S, A) ->
    S2 = (S * 1103515245 + 12345) band 16#7fffffff,
    data(N - 1, S2, [(S2 bsr 16) band 15 + $a | A]).

ops() ->
    [{deflate, fun(Z) -> zlib:deflate(Z, <<"a">>) end},
     {deflate_none, fun(Z) -> zlib:deflate(Z, <<>>) end},
     {deflate_finish, fun(Z) -> zlib:deflate(Z, <<>>, finish) end},
     {deflate_x_finish, fun(Z) -> zlib:deflate(Z, <<"x">>, finish) end},
     {inflate, fun(Z) -> zlib:inflate(Z, <<"a">>) end},
     {inflate_none, fun(Z) -> zlib:inflate(Z, <<>>) end},
     {safeInflate, fun(Z) -> zlib:safeInflate(Z, "a") end},
     {inflateChunk, fun(Z) -> zlib:inflateChunk(Z, "a") end},
     {inflateChunk1, fun zlib:inflateChunk/1},
     {deflateReset, fun zlib:deflateReset/1}, {inflateReset, fun zlib:inflateReset/1},
     {deflateEnd, fun zlib:deflateEnd/1}, {inflateEnd, fun zlib:inflateEnd/1},
     {deflateSetDictionary, fun(Z) -> zlib:deflateSetDictionary(Z, "abc") end},
     {inflateSetDictionary, fun(Z) -> zlib:inflateSetDictionary(Z, "abc") end},
     {inflateGetDictionary, fun zlib:inflateGetDictionary/1},
     {deflateParams, fun(Z) -> zlib:deflateParams(Z, 9, default) end},
     {getBufSize, fun zlib:getBufSize/1}, {setBufSize, fun(Z) -> zlib:setBufSize(Z, 100) end},
     {crc32, fun zlib:crc32/1}, {deflateInit, fun zlib:deflateInit/1},
     {inflateInit, fun zlib:inflateInit/1},
     {set_controlling_process, fun(Z) -> zlib:set_controlling_process(Z, self()) end},
     {close, fun zlib:close/1}].

states() ->
    C = zlib:compress("hello"),
    [{new, fun(_) -> ok end},
     {closed, fun zlib:close/1},
     {deflating, fun zlib:deflateInit/1},
     {inflating, fun zlib:inflateInit/1},
     {deflated, fun(Z) -> zlib:deflateInit(Z), zlib:deflate(Z, "xx", finish) end},
     {deflate_ended, fun(Z) -> zlib:deflateInit(Z), zlib:deflate(Z, "", finish), zlib:deflateEnd(Z) end},
     {inflated, fun(Z) -> zlib:inflateInit(Z), zlib:inflate(Z, C) end},
     {inflated_reset, fun(Z) -> zlib:inflateInit(Z, 15, reset), zlib:inflate(Z, C) end},
     {inflated_error, fun(Z) -> zlib:inflateInit(Z, 15, error), zlib:inflate(Z, C) end},
     {half, fun(Z) -> zlib:inflateInit(Z), zlib:inflate(Z, binary:part(C, 0, 8)) end},
     {garbage, fun(Z) -> zlib:inflateInit(Z), catch zlib:inflate(Z, "garbage") end},
     {raw_deflating, fun(Z) -> zlib:deflateInit(Z, default, deflated, -15, 8, default) end},
     {raw_inflating, fun(Z) -> zlib:inflateInit(Z, -15) end}].

run(Op, Z) -> try Op(Z) catch C:X -> {C, X} end.

in_process(F) ->
    Me = self(),
    Ref = make_ref(),
    spawn_link(fun() -> Me ! {Ref, F()} end),
    receive {Ref, X} -> X end.

main(_) ->
    [t({S, N}, fun() -> Z = zlib:open(), Prepare(Z), {run(Op, Z), run(Op, Z)} end) ||
        {S, Prepare} <- states(), {N, Op} <- ops()],
    [t({other_process, N}, fun() -> Z = zlib:open(), zlib:deflateInit(Z),
        in_process(fun() -> run(Op, Z) end) end) || {N, Op} <- ops()],
    t(no_stream, fun() -> [run(Op, X) || X <- [foo, make_ref(), atomics:new(1, []), <<>>], {_, Op} <- ops()] end),
    shapes(),
    ends(),
    dictionaries(),
    init(),
    checksums(),
    owners(),
    whole(),
    hostile(),
    ok.

shapes() ->
    D = data(100000),
    CD = zlib:compress(D),
    t(compress, fun() -> CD end),
    t(deflate, fun() -> Z = zlib:open(), zlib:deflateInit(Z),
        [zlib:deflate(Z, D), zlib:deflate(Z, D, sync), zlib:deflate(Z, D, full), zlib:deflate(Z, <<>>, sync),
         zlib:deflate(Z, D, finish), catch zlib:deflate(Z, <<>>, finish), catch zlib:deflate(Z, "x", finish)] end),
    t(deflate_pieces, fun() -> Z = zlib:open(), zlib:deflateInit(Z),
        L = [binary:part(D, I * 10, 10) || I <- lists:seq(0, 9999)],
        R = [zlib:deflate(Z, L), zlib:deflate(Z, L, finish)], [R, zlib:uncompress(R) =:= <<D/binary, D/binary>>] end),
    t(inflate, fun() -> Z = zlib:open(), zlib:inflateInit(Z),
        [zlib:inflate(Z, CD), zlib:inflate(Z, <<>>), zlib:inflate(Z, "trailing"), zlib:inflateEnd(Z)] end),
    t(inflate_halves, fun() -> Z = zlib:open(), zlib:inflateInit(Z), <<A:30000/binary, B/binary>> = CD,
        [zlib:inflate(Z, A), zlib:inflate(Z, B), zlib:inflateEnd(Z)] end),
    t(inflate_bytes, fun() -> Z = zlib:open(), zlib:inflateInit(Z),
        R = [zlib:inflate(Z, <<X>>) || <<X>> <= CD], [iolist_to_binary(R) =:= D, zlib:inflateEnd(Z)] end),
    t(safeInflate, fun() -> Z = zlib:open(), zlib:inflateInit(Z), safe(Z, zlib:safeInflate(Z, CD)) end),
    t(bomb, fun() -> Z = zlib:open(), zlib:inflateInit(Z),
        L = safe(Z, zlib:safeInflate(Z, zlib:compress(binary:copy(<<0>>, 1000000)))),
        {length(L), lists:sum([iolist_size(X) || {_, X} <- L])} end),
    [t({inflateChunk, N}, fun() -> Z = zlib:open(), zlib:inflateInit(Z), zlib:setBufSize(Z, N),
        L = chunks(Z, zlib:inflateChunk(Z, CD)), {length(L), iolist_to_binary(L) =:= D, hd(L), lists:last(L)} end) ||
        N <- [100, 4000, 20000]],
    t(params, fun() -> Z = zlib:open(), zlib:deflateInit(Z),
        A = zlib:deflate(Z, D), P = zlib:deflateParams(Z, 9, huffman_only), B = zlib:deflate(Z, D),
        P2 = zlib:deflateParams(Z, 0, default), C = zlib:deflate(Z, D, finish),
        {P, P2, [A, B, C], zlib:uncompress([A, B, C]) =:= <<D/binary, D/binary, D/binary>>} end),
    t(params_then_reset, fun() -> Z = zlib:open(), zlib:deflateInit(Z), zlib:deflate(Z, "abc"),
        zlib:deflateParams(Z, 1, default), [zlib:deflateReset(Z), zlib:deflate(Z, "", finish)] end),
    t(bad_input, fun() -> Z = zlib:open(), zlib:deflateInit(Z),
        [catch zlib:deflate(Z, X) || X <- [foo, [foo], <<1:3>>, ["a" | <<"b">>], ["a" | b]]] end).

safe(Z, {continue, O}) -> [{continue, O} | safe(Z, zlib:safeInflate(Z, []))];
safe(_, X) -> [X].

chunks(Z, {more, O}) -> [O | chunks(Z, zlib:inflateChunk(Z))];
chunks(_, X) -> [X].

ends() ->
    C = zlib:compress("hello"),
    G = zlib:gzip("abc"),
    U = zlib:zip("abc"),
    t(eos_error, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, error),
        [zlib:inflate(Z, C), catch zlib:inflate(Z, <<>>), catch zlib:inflate(Z, "trailing"), catch zlib:inflateEnd(Z)] end),
    t(eos_error, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, error),
        [catch zlib:inflate(Z, [C, "trailing"]), catch zlib:inflateEnd(Z)] end),
    t(eos_reset, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, reset),
        [zlib:inflate(Z, [C, C]), zlib:inflate(Z, C), zlib:inflate(Z, <<>>), catch zlib:inflate(Z, "trailing"),
         catch zlib:inflateEnd(Z)] end),
    t(eos_reset, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, reset), [zlib:inflate(Z, [C, C]), zlib:inflateEnd(Z)] end),
    t(eos_reset, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, reset),
        [safe(Z, zlib:safeInflate(Z, lists:duplicate(5, C))), zlib:inflateEnd(Z)] end),
    t(eos_cut, fun() -> Z = zlib:open(), zlib:inflateInit(Z, 15, cut),
        [zlib:inflate(Z, [C, C]), zlib:inflate(Z, C), zlib:inflateReset(Z), zlib:inflate(Z, C), zlib:inflateEnd(Z)] end),
    t(gunzip, fun() -> [catch zlib:gunzip(X) || X <- [G, [G, G], [G, "x"], [G, 0, 0, 0], binary:part(G, 0, 10), <<>>,
        "abc", foo]] end),
    t(uncompress, fun() -> [catch zlib:uncompress(X) || X <- [C, [C, 1, 2, 3], binary:part(C, 0, 10), lists:seq(1, 9),
        <<>>, foo]] end),
    t(unzip, fun() -> [catch zlib:unzip(X) || X <- [U, [U, 1, 2, 3], binary:part(U, 0, 2), lists:seq(1, 9), <<>>, foo]] end),
    t(recover, fun() -> Z = zlib:open(), zlib:inflateInit(Z),
        [catch zlib:inflate(Z, "garbage"), catch zlib:inflate(Z, ""), catch zlib:inflate(Z, C), zlib:inflateReset(Z),
         catch zlib:inflate(Z, C)] end),
    t(again, fun() -> Z = zlib:open(),
        [[zlib:deflateInit(Z), zlib:deflate(Z, "abc", finish), zlib:deflateEnd(Z), zlib:inflateInit(Z), zlib:inflate(Z, C),
          zlib:inflateEnd(Z)] || _ <- [1, 2]] end),
    t(unfinished, fun() -> Z = zlib:open(), zlib:deflateInit(Z), zlib:deflate(Z, "abc"),
        [catch zlib:deflateEnd(Z), catch zlib:deflateEnd(Z)] end).

dictionaries() ->
    Z = zlib:open(),
    zlib:deflateInit(Z),
    t(set, fun() -> zlib:deflateSetDictionary(Z, "hello world") end),
    X = iolist_to_binary(zlib:deflate(Z, "hello hello world", finish)),
    t(set_late, fun() -> zlib:deflateSetDictionary(Z, "abc") end),
    t(bytes, fun() -> X end),
    Dict = ["hello", " ", <<"world">>],
    In = fun() -> I = zlib:open(), zlib:inflateInit(I), I end,
    t(exception, fun() -> I = In(), [catch zlib:inflate(I, X), zlib:inflateGetDictionary(I),
        catch zlib:inflateSetDictionary(I, "wrong"), zlib:inflateSetDictionary(I, Dict), zlib:inflate(I, <<>>),
        zlib:inflateGetDictionary(I), zlib:inflateEnd(I)] end),
    t(tuple, fun() -> I = In(), O = [{exception_on_need_dict, false}], [zlib:inflate(I, X, O), catch zlib:inflate(I, <<>>),
        zlib:inflateSetDictionary(I, Dict), zlib:inflate(I, <<>>, O), zlib:inflateEnd(I)] end),
    t(safe, fun() -> I = In(), [zlib:safeInflate(I, X), catch zlib:safeInflate(I, []), zlib:inflateSetDictionary(I, Dict),
        zlib:safeInflate(I, <<>>), zlib:inflateEnd(I)] end),
    t(reset, fun() -> I = In(), [zlib:safeInflate(I, X), zlib:inflateReset(I), zlib:safeInflate(I, X),
        catch zlib:inflateEnd(I)] end),
    t(chunk, fun() -> I = In(), [catch zlib:inflateChunk(I, X), zlib:inflateSetDictionary(I, Dict),
        zlib:inflateChunk(I)] end),
    t(uncompress, fun() -> zlib:uncompress(X) end),
    t(two_streams, fun() -> I = zlib:open(), zlib:inflateInit(I, 15, reset),
        [catch zlib:inflate(I, [zlib:compress("first"), X]), zlib:inflateSetDictionary(I, Dict), zlib:inflate(I, <<>>)] end),
    t(bad, fun() -> D = zlib:open(), zlib:deflateInit(D), [catch zlib:deflateSetDictionary(D, foo),
        catch zlib:deflateSetDictionary(D, [foo]), zlib:deflateSetDictionary(D, <<>>)] end),
    t(window, fun() -> I = In(), zlib:inflate(I, binary:part(zlib:compress(data(100000)), 0, 5000)),
        zlib:inflateGetDictionary(I) end),
    t(raw, fun() -> I = zlib:open(), zlib:inflateInit(I, -15), [zlib:inflateSetDictionary(I, "abc"),
        zlib:inflateGetDictionary(I)] end),
    t(raw, fun() -> D = zlib:open(), zlib:deflateInit(D, default, deflated, -15, 8, default),
        A = zlib:deflateSetDictionary(D, "hello world"), Y = zlib:deflate(D, "hello world", finish),
        I = zlib:open(), zlib:inflateInit(I, -15),
        [A, zlib:inflateSetDictionary(I, "hello world"), zlib:inflate(I, Y), zlib:inflateEnd(I)] end).

init() ->
    t(deflate_bits, fun() -> [{A, catch zlib:deflateInit(zlib:open(), default, deflated, A, 8, default)} ||
        A <- [-16, -15, -9, -8, -7, 0, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 47, 48, a]] end),
    t(inflate_bits, fun() -> [{A, catch zlib:inflateInit(zlib:open(), A)} ||
        A <- [-16, -15, -9, -8, -7, 0, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 40, 47, 48, a]] end),
    t(level, fun() -> [{A, catch zlib:deflateInit(zlib:open(), A)} || A <- [none, best_speed, 10, -1, 0, foo]] end),
    t(levels, fun() -> [begin Z = zlib:open(), zlib:deflateInit(Z, L, deflated, B, M, S),
        R = iolist_to_binary(zlib:deflate(Z, data(20000), finish)), {byte_size(R), erlang:crc32(R)} end ||
        L <- [0, 1, 6, 9], {B, M} <- [{15, 8}, {-9, 1}, {31, 9}], S <- [default, filtered, huffman_only, rle]] end),
    t(arguments, fun() -> Z = zlib:open(), [catch zlib:deflateInit(Z, 1, foo, 15, 8, default),
        catch zlib:deflateInit(Z, 1, deflated, 15, 10, default), catch zlib:deflateInit(Z, 1, deflated, 15, 8, foo),
        catch zlib:inflateInit(Z, 15, foo), zlib:deflateInit(Z, 1, deflated, 15, 8, filtered),
        catch zlib:deflate(Z, "a", foo), catch zlib:deflateParams(Z, 99, default), catch zlib:deflateParams(Z, 1, foo)] end),
    t(buf_size, fun() -> Z = zlib:open(), [[catch zlib:setBufSize(Z, X) || X <- [16, 17, (1 bsl 24) - 1, 1 bsl 24, a]],
        zlib:getBufSize(Z)] end).

checksums() ->
    D = data(100000),
    [t({crc32, B}, fun() -> Z = zlib:open(), zlib:deflateInit(Z, default, deflated, B, 8, default), A0 = zlib:crc32(Z),
        X = zlib:deflate(Z, D, finish), A1 = zlib:crc32(Z), Y = zlib:open(), zlib:inflateInit(Y, B), zlib:inflate(Y, X),
        [A0, A1, zlib:deflateReset(Z), zlib:crc32(Z), zlib:crc32(Y), zlib:inflateReset(Y), zlib:crc32(Y)] end) ||
        B <- [-15, 15, 31]],
    t(others, fun() -> Z = zlib:open(), [erlang:crc32(D), zlib:crc32(Z, D), zlib:crc32(Z, 7, D), zlib:adler32(Z, D),
        zlib:adler32(Z, 7, D), zlib:crc32_combine(Z, 1, 2, 3), zlib:adler32_combine(Z, 1, 2, 3)] end).

owners() ->
    t(give, fun() ->
        Z = zlib:open(),
        Me = self(),
        {P, M} = spawn_monitor(fun() -> receive go -> Me ! {r, run(fun zlib:deflateInit/1, Z)} end end),
        A = zlib:set_controlling_process(Z, P),
        B = run(fun zlib:deflateInit/1, Z),
        P ! go,
        C = receive {r, X} -> X end,
        receive {'DOWN', M, _, _, _} -> ok end,
        [A, B, C, run(fun zlib:close/1, Z), catch zlib:set_controlling_process(Z, self())]
    end),
    t(bad, fun() -> Z = zlib:open(), [catch zlib:set_controlling_process(Z, X) || X <- [foo, 1, [self()]]] end),
    t(dead, fun() -> Z = in_process(fun() -> zlib:open() end), [run(Op, Z) || {_, Op} <- ops()] end).

whole() ->
    D = data(100000),
    B = binary:copy(D, 30),
    t(big, fun() -> X = zlib:compress(B), [X, zlib:uncompress(X) =:= B, zlib:zip([B | B]),
        zlib:gzip(lists:duplicate(5000, "abc"))] end),
    t(sizes, fun() -> [begin X = binary:part(D, 0, N), C = zlib:compress(X), G = zlib:gzip(X), Z = zlib:zip(X),
        X = zlib:uncompress(C), X = zlib:gunzip(G), X = zlib:unzip(Z), {N, erlang:crc32([C, G, Z])} end ||
        N <- [0, 1, 2, 10, 100, 8191, 8192, 8193, 16383, 16384, 16385, 65536, 99999]] end),
    t(zeros, fun() -> [begin X = binary:copy(<<0>>, N), C = zlib:compress(X), X = zlib:uncompress(C), {N, C} end ||
        N <- [8192, 16384, 100000, 1000000]] end),
    t(parallel, fun() ->
        Ms = [spawn_monitor(fun() -> X = zlib:compress(D), D = zlib:uncompress(X), exit({ok, erlang:crc32(X)}) end) ||
            _ <- lists:seq(1, 20)],
        lists:usort([receive {'DOWN', M, _, _, R} -> R end || {_, M} <- Ms]) end).

%% Damaged streams: a byte changed at a time, or the end cut off.
hostile() ->
    D = data(3000),
    try_all(compress, zlib:compress(D), fun zlib:uncompress/1),
    try_all(gzip, zlib:gzip(D), fun zlib:gunzip/1),
    try_all(zip, zlib:zip(D), fun zlib:unzip/1).

try_all(Name, C, F) ->
    Out = [begin
               <<A:I/binary, X, R/binary>> = C,
               try F(<<A/binary, (X bxor (1 bsl (I rem 8))), R/binary>>) of
                   B -> erlang:crc32(B)
               catch error:E -> E
               end
           end || I <- lists:seq(0, byte_size(C) - 1, 3)] ++
          [try F(binary:part(C, 0, I)) of B -> erlang:crc32(B) catch error:E -> E end ||
              I <- lists:seq(0, byte_size(C) - 1, 17)],
    Errors = [{E, length([x || X <- Out, X =:= E])} || E <- lists:usort(Out), is_atom(E)],
    t({hostile, Name}, fun() -> {Errors, erlang:phash2(Out)} end).
