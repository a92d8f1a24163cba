%% Files in memory: file:open(Data, [ram]) and the functions of ram_file.
-module(ram_file_t).
-export([start/0]).

p(L, X) -> io:format("~0p: ~0p~n", [L, X]).

start() ->
    [modes(M) || M <- [[ram], [ram, binary], [ram, read, write], [ram, read, write, binary],
                       [ram, write, binary]]],
    p(open, [element(1, file:open(D, [ram, binary])) || D <- ["", <<>>, ["a", <<"b">>]]]),
    p(badopen, [file:open(D, M) || {D, M} <- [{foo, [ram]}, {"x", [ram, foo]}]]),
    big(),
    random().

modes(M) ->
    p(modes, M),
    {ok, F} = file:open("hello world", M),
    p(read, [file:read(F, N) || N <- [3, 0, 100, 1, 0]]),
    p(pos, [file:position(F, P) || P <- [0, 5, bof, cur, eof, {cur, -3}, {eof, -2}, {bof, 4},
                                         {cur, -100}, -1, 20, foo, {cur, 16#7fffffff}]]),
    p(pread, [file:pread(F, At, N) || {At, N} <- [{0, 5}, {6, 100}, {11, 1}, {50, 2}, {0, 0},
                                                  {-1, 2}]]),
    p(preads, file:pread(F, [{0, 2}, {100, 2}, {2, 3}])),
    p(here, file:position(F, cur)),
    p(write, [file:position(F, 5), file:write(F, "XYZ"), file:write(F, []), file:position(F, cur)]),
    p(pwrite, [file:pwrite(F, 0, <<"J">>), file:pwrite(F, 15, "far"), file:pwrite(F, -1, "x"),
               file:pwrite(F, [{1, "E"}, {2, <<"LL">>}])]),
    p(file, [ram_file:get_file(F), ram_file:get_size(F)]),
    p(truncate, [file:position(F, 7), file:truncate(F), ram_file:get_file(F)]),
    p(longer, [file:position(F, 10), file:truncate(F), ram_file:get_file(F)]),
    p(sync, [file:sync(F), file:datasync(F)]),
    p(advise, [file:advise(F, 0, 0, A) || A <- [normal, random, no_reuse, foo]]),
    p(allocate, [file:allocate(F, 0, 100), ram_file:get_size(F), file:allocate(F, -1, 2)]),
    p(eof, [file:position(F, eof), file:read(F, 1)]),
    p(close, [file:close(F), file:close(F), file:read(F, 1)]).

big() ->
    {ok, F} = file:open(binary:copy(<<"0123456789">>, 100000), [ram, binary, read, write]),
    p(size, ram_file:get_size(F)),
    {ok, B} = file:pread(F, 500000, 300000),
    p(part, {byte_size(B), erlang:crc32(B)}),
    ok = file:pwrite(F, 2000000, B),
    {ok, All} = ram_file:get_file(F),
    p(all, {byte_size(All), erlang:crc32(All)}),
    {ok, G} = file:open([], [ram, binary, read, write]),
    p(copy, [file:position(F, 0), file:copy(F, G), ram_file:get_size(G)]),
    file:close(F),
    file:close(G).

random() ->
    {ok, F} = file:open("", [ram, binary, read, write]),
    step(F, 500, rand:seed_s(exsss, 3)),
    {ok, All} = ram_file:get_file(F),
    p(random, {byte_size(All), erlang:crc32(All)}),
    file:close(F).

step(_, 0, _) -> ok;
step(F, N, S0) ->
    {What, S1} = rand:uniform_s(5, S0),
    {At, S2} = rand:uniform_s(3000, S1),
    {Len, S3} = rand:uniform_s(300, S2),
    R = case What of
            1 -> file:pwrite(F, At, binary:copy(<<N>>, Len));
            2 -> file:position(F, At);
            3 -> file:write(F, binary:copy(<<N>>, Len));
            4 -> case file:read(F, Len) of {ok, B} -> erlang:crc32(B); X -> X end;
            5 -> case file:pread(F, At, Len) of {ok, B} -> erlang:crc32(B); X -> X end
        end,
    p(N, R),
    step(F, N - 1, S3).
