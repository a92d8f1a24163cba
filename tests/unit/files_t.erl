%% files_t: files on a host that fails, for test_files.c.
-module(files_t).
-export([short/1, steps/1, blocked/1, forgotten/1, packed/1]).

-define(F, prim_file).

%% The host moves a few bytes a call: nobody notices.
short(Dir) ->
    N = filename:join(Dir, "short"),
    B = list_to_binary([X rem 251 || X <- lists:seq(1, 5000)]),
    ok = ?F:write_file(N, [binary:part(B, I * 50, 50) || I <- lists:seq(0, 99)]),
    {ok, B} = ?F:read_file(N),
    {ok, H} = ?F:open(N, [read, write]),
    {ok, B} = ?F:read(H, 6000),
    <<_:100/binary, P:300/binary, _/binary>> = B,
    {ok, P} = ?F:pread(H, 100, 300),
    ok = ?F:pwrite(H, 3, [<<X, (binary:copy(<<X>>, 20))/binary>> || X <- lists:seq(0, 199)]),
    {ok, W} = ?F:pread(H, 3, 200 * 21),
    W = list_to_binary([binary:copy(<<X>>, 21) || X <- lists:seq(0, 199)]),
    ok = ?F:close(H),
    {ok, Proc} = ?F:read_file("/proc/self/status"),
    <<"Name:", _/binary>> = Proc,
    ok.

%% Every operation once; each may fail, none may do anything else.
steps(Dir) ->
    N = filename:join(Dir, "steps"),
    M = filename:join(Dir, "steps2"),
    Named = [fun() -> ?F:write_file(N, [<<"abc">>, binary:copy(<<"x">>, 1000)]) end,
             fun() -> ?F:read_file(N) end, fun() -> ?F:read_file("/proc/self/stat") end,
             fun() -> ?F:read_file_info(N) end, fun() -> ?F:read_link_info(N) end,
             fun() -> ?F:list_dir(Dir) end, fun() -> ?F:make_symlink(N, M) end, fun() -> ?F:read_link(M) end,
             fun() -> ?F:delete(M) end, fun() -> ?F:make_link(N, M) end, fun() -> ?F:rename(M, N) end,
             fun() -> ?F:delete(M) end, fun() -> ?F:make_dir(M) end, fun() -> ?F:del_dir(M) end,
             fun() -> ?F:get_cwd() end,
             fun() -> ?F:write_file_info(N, {file_info, 0, regular, read_write, 1, 1, 1, 8#644, 1, 0, 0, 0, -1, -1},
                                         [{time, posix}]) end],
    Opened = [fun(H) -> ?F:write(H, [<<"hello">>, binary:copy(<<"y">>, 500)]) end,
              fun(H) -> ?F:pwrite(H, 10, "abc") end, fun(H) -> ?F:pwrite(H, [{0, "a"}, {1, "b"}]) end,
              fun(H) -> ?F:position(H, 0) end, fun(H) -> ?F:read(H, 20) end, fun(H) -> ?F:read(H, 2000) end,
              fun(H) -> ?F:read_line(H) end, fun(H) -> ?F:pread(H, 0, 200) end,
              fun(H) -> ?F:pread(H, [{0, 3}, {5, 100}]) end, fun(H) -> ?F:sync(H) end, fun(H) -> ?F:datasync(H) end,
              fun(H) -> ?F:truncate(H) end, fun(H) -> ?F:allocate(H, 0, 100) end,
              fun(H) -> ?F:advise(H, 0, 0, normal) end, fun(H) -> ?F:read_handle_info(H) end,
              fun(H) -> ?F:ipread_s32bu_p32bu(H, 0, 100) end, fun(H) -> ?F:get_handle(H) end],
    [good(F()) || F <- Named],
    case ?F:open(N, [read, write]) of
        {ok, H} ->
            [good(F(H)) || F <- Opened],
            good(?F:close(H)),
            {error, einval} = ?F:read(H, 1);
        E -> good(E)
    end,
    ok.

good(ok) -> ok;
good(eof) -> ok;
good(B) when is_binary(B) -> ok;
good({ok, _}) -> ok;
good({error, A}) when is_atom(A) -> ok;
good({error, {K, A}}) when is_integer(K), is_atom(A) -> ok.

%% The host sleeps in the read; the reader dies meanwhile.
blocked(Dir) ->
    N = filename:join(Dir, "blocked"),
    ok = ?F:write_file(N, "x"),
    Me = self(),
    {P, Mon} = spawn_monitor(fun() ->
        {ok, H} = ?F:open(N, [read]),
        Me ! reading,
        ?F:read(H, 7)
    end),
    receive reading -> ok end,
    files_host:wait_blocked(),
    exit(P, kill),
    files_host:release(),
    receive {'DOWN', Mon, _, _, _} -> ok end.

%% An owner that ends with files open.
forgotten(Dir) ->
    N = filename:join(Dir, "forgotten"),
    ok = ?F:write_file(N, "x"),
    {_, Mon} = spawn_monitor(fun() -> [{ok, _} = ?F:open(N, [read]) || _ <- lists:seq(1, 10)] end),
    receive {'DOWN', Mon, _, _, normal} -> ok end.

%% zlib, with a stream that is dropped, and a raw file's buffer.
packed(Dir) ->
    Data = [binary:copy(<<X>>, X * 30) || X <- lists:seq(1, 100)],
    Z = zlib:gzip(Data),
    B = iolist_to_binary(Data),
    B = zlib:gunzip(Z),
    S = zlib:open(),
    ok = zlib:deflateInit(S, best_compression),
    D = [zlib:deflate(S, Data), zlib:deflate(S, <<"x">>, finish)],
    I = zlib:open(),
    ok = zlib:inflateInit(I),
    B2 = iolist_to_binary([zlib:inflate(I, Part) || Part <- D]),
    B2 = <<B/binary, "x">>,
    ok = zlib:close(I),
    N = filename:join(Dir, "packed"),
    ok = ?F:write_file(N, Z),
    {ok, F} = file:open(N, [read, raw, binary, {read_ahead, 100}]),
    {ok, <<31, 139>>} = file:read(F, 2),
    file:read_line(F),
    ok = file:close(F).
