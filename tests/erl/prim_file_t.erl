%% Files by prim_file: what every function returns, errors above all. All happens in a directory of
%% its own under the current one.
%% only: uv
-module(prim_file_t).
-export([main/1]).
-include_lib("kernel/include/file.hrl").

t(Label, F) ->
    R = try F() catch C:X -> {C, X} end,
    io:format("~0p: ~0p~n", [Label, R]).

main(_) ->
    {ok, Cwd} = prim_file:get_cwd(),
    Dir = Cwd ++ "/prim_file_t." ++ os:getpid(),
    wipe(Dir),
    ok = prim_file:make_dir(Dir),
    ok = prim_file:set_cwd(Dir),
    try
        [begin io:format("-- ~s~n", [N]), F() end ||
            {N, F} <- [{open, fun open/0}, {read_write, fun read_write/0}, {lines, fun lines/0},
                       {positions, fun positions/0}, {arguments, fun arguments/0},
                       {append, fun append/0}, {big, fun big/0}, {handles, fun handles/0},
                       {closed, fun closed/0}, {owner, fun owner/0}, {ipread, fun ipread/0},
                       {info, fun info/0}, {write_info, fun write_info/0}, {names, fun names/0},
                       {links, fun links/0}, {cwd, fun() -> cwd(Cwd, Dir) end},
                       {raw_names, fun raw_names/0}, {whole, fun whole/0},
                       {device, fun device/0}, {many, fun many/0}]]
    after
        prim_file:set_cwd(Cwd),
        wipe(Dir)
    end.

wipe(Path) ->
    case prim_file:read_link_info(Path) of
        {ok, #file_info{type = directory}} ->
            {ok, L} = prim_file:list_dir_all(Path),
            [wipe(filename:join(Path, N)) || N <- L],
            prim_file:del_dir(Path);
        {ok, _} -> prim_file:delete(Path);
        _ -> ok
    end.

with(Name, Modes, F) ->
    case prim_file:open(Name, Modes) of
        {ok, H} ->
            try F(H) after prim_file:close(H) end;
        E -> E
    end.

open() ->
    [t(A, fun() -> with(P, M, fun(_) -> ok end) end) ||
        {P, M} = A <-
            [{"new", [write]}, {"new", [read]}, {"new", []}, {"new", [exclusive]},
             {"excl", [exclusive, read]}, {"excl", [exclusive, write]}, {"ap", [append]},
             {"nope", [read]}, {"", [read]}, {"a\0b", [read]}, {"new", [foo, {x, 1}]},
             {"new", foo}, {"new", [read | foo]}, {"/dev/null", [read]}, {"/dev/zero", [read]},
             {"/dev/full", [write]}, {"/dev/full", [write, skip_type_check]}, {".", [read]},
             {".", [write]}, {".", [directory]}, {".", [skip_type_check]}, {"new", [directory]},
             {"new/x", [read]}, {"/proc/self/status", [read]}, {foo, [read]}, {<<"new">>, [read]},
             {["n", $e, "w"], [read]}, {["n", $e, <<"w">>], [read]}, {["ne", w], [read]},
             {<<"a", 0>>, [read]}, {12, [read]}, {"new", [sync, write]},
             {"new", [raw, binary, read, {delayed_write, 1, 2}]}]],
    t(contents, fun() -> [prim_file:write_file("c", "12345"), with("c", [write, read], fun(H) ->
        prim_file:read(H, 9) end), with("c", [write], fun(H) -> prim_file:position(H, eof) end),
        prim_file:read_file("c")] end).

read_write() ->
    with("rw", [read, write], fun(H) ->
        t(write, fun() -> prim_file:write(H, ["hello\nworld\r\n", [], [$f, <<"oo">>]]) end),
        t(write, fun() -> [prim_file:write(H, X) || X <- [[], <<>>, [[]], [<<>>, []]]] end),
        t(read, fun() -> [prim_file:read(H, 5), prim_file:position(H, 0), prim_file:read(H, 5),
                          prim_file:read(H, 100), prim_file:read(H, 100), prim_file:read(H, 0)] end),
        t(pread, fun() -> [prim_file:pread(H, O, S) ||
            {O, S} <- [{0, 0}, {0, 5}, {15, 100}, {16, 1}, {1000, 1}]] end),
        t(pread, fun() -> [prim_file:pread(H, L) ||
            L <- [[], [{0, 2}, {100, 2}, {3, 4}], [{0, 2}, {-1, 2}]]] end),
        t(pwrite, fun() -> [prim_file:pwrite(H, 20, "abc"), prim_file:pwrite(H, -20, "abc"),
            prim_file:pwrite(H, [{0, "H"}, {2, <<"LL">>}]), prim_file:pwrite(H, [{0, "a"}, {-1, "b"}]),
            prim_file:pwrite(H, [{0, x}]), prim_file:pwrite(H, []), prim_file:pread(H, 0, 100)] end),
        t(bad_data, fun() -> [prim_file:write(H, X) || X <- [foo, [foo], <<1:3>>, [256], [a | b]]] end)
    end),
    t(read_only, fun() -> with("rw", [read], fun(H) ->
        [prim_file:write(H, "x"), prim_file:pwrite(H, 0, "x"), prim_file:truncate(H)] end) end),
    t(write_only, fun() -> with("wo", [write], fun(H) ->
        [prim_file:read(H, 1), prim_file:pread(H, 0, 1), prim_file:read_line(H)] end) end),
    t(directory, fun() -> with(".", [directory], fun(H) ->
        [prim_file:read(H, 10), prim_file:position(H, 0), prim_file:sync(H)] end) end),
    t(truncate, fun() -> with("tr", [read, write], fun(H) ->
        [prim_file:write(H, "0123456789"), prim_file:position(H, 3), prim_file:truncate(H),
         prim_file:position(H, eof), prim_file:position(H, 20), prim_file:truncate(H),
         prim_file:pread(H, 0, 100)] end) end).

lines() ->
    ok = prim_file:write_file("lines", ["ab\r\ncd\n", lists:duplicate(1000, $x), "\n\r\n\nend"]),
    [t({read_line, M}, fun() -> with("lines", [read | M], fun(H) ->
        {[case prim_file:read_line(H) of {ok, <<"xx", B/binary>>} -> byte_size(B); R -> R end ||
             _ <- lists:seq(1, 7)], prim_file:position(H, cur)} end) end) ||
        M <- [[], [read_ahead], [{read_ahead, 3}], [{read_ahead, 1000000}]]],
    t(mixed, fun() -> with("lines", [read, write, {read_ahead, 100}], fun(H) ->
        [prim_file:read_line(H), prim_file:read(H, 2), prim_file:position(H, cur),
         prim_file:read_line(H), prim_file:position(H, {cur, 4}), prim_file:read(H, 2),
         prim_file:write(H, "QQ"), prim_file:pread(H, 0, 20), prim_file:position(H, {cur, 0}),
         prim_file:read(H, 1), prim_file:pwrite(H, 0, "Z"), prim_file:read(H, 1)] end) end),
    ok = prim_file:write_file("nolf", "no line feed"),
    t(nolf, fun() -> with("nolf", [read], fun(H) ->
        [prim_file:read_line(H), prim_file:read_line(H)] end) end).

positions() ->
    ok = prim_file:write_file("pos", "0123456789"),
    t(position, fun() -> with("pos", [read, write], fun(H) -> [{P, prim_file:position(H, P)} ||
        P <- [cur, bof, eof, 3, {bof, 4}, {cur, 2}, {cur, -3}, {eof, -1}, {eof, 5}, {bof, -1},
              {cur, -1000}, -1, {foo, 1}, foo, 1.0, {cur, 1.0}, {bof, (1 bsl 63) - 1},
              {bof, 1 bsl 63}, {eof, 1 bsl 70}, {eof, a}, cur]] end) end),
    t(sync, fun() -> with("pos", [read, write], fun(H) ->
        [prim_file:sync(H), prim_file:datasync(H)] end) end),
    t(allocate, fun() -> with("alloc", [read, write], fun(H) ->
        [begin R = prim_file:allocate(H, O, L), {ok, I} = prim_file:read_handle_info(H),
               {R, I#file_info.size} end ||
            {O, L} <- [{0, 1}, {10, 100}, {0, 10000}, {0, 0}, {-1, 10}, {0, -1}, {0, 1 bsl 62},
                       {0, 1 bsl 64}, {1.0, 1}, {a, 1}, {0, a}]] end) end),
    t(advise, fun() -> with("pos", [read], fun(H) -> [prim_file:advise(H, O, L, A) ||
        {O, L, A} <- [{0, 0, A} || A <- [normal, random, sequential, will_need, dont_need, no_reuse,
                                         foo, 3]] ++
                     [{-1, 0, normal}, {0, -1, normal}, {1.0, 1, normal}, {a, 1, normal},
                      {0, a, normal}, {0, 1 bsl 62, normal}, {1 bsl 64, 0, normal}]] end) end).

arguments() ->
    ok = prim_file:write_file("args", "0123456789"),
    with("args", [read, write], fun(H) ->
        t(pread, fun() -> [prim_file:pread(H, O, S) ||
            {O, S} <- [{-1, 3}, {1 bsl 63, 3}, {1, x}, {a, 1}, {-1, a}, {1, -1}, {1.0, 1}, {0, 1.0},
                       {1, 1 bsl 64}, {0, 1 bsl 63}, {0, 1 bsl 62}, {0, (1 bsl 63) - 1}]] end),
        t(read, fun() -> [prim_file:read(H, S) ||
            S <- [-1, 1.5, 1 bsl 70, 1 bsl 63, 1 bsl 62, (1 bsl 63) - 1]] end),
        t(pwrite, fun() -> [prim_file:pwrite(H, O, D) ||
            {O, D} <- [{1.0, "a"}, {a, "a"}, {1 bsl 64, "a"}, {0, <<1:3>>}, {0, []}, {0, <<>>},
                       {0, foo}]] end)
    end),
    [t(bad_handle, fun() -> [try F(X) catch C:E -> {C, E} end ||
        F <- [fun prim_file:close/1, fun(H) -> prim_file:read(H, 1) end,
              fun(H) -> prim_file:write(H, "x") end, fun prim_file:sync/1,
              fun prim_file:read_handle_info/1]] end) ||
        X <- [foo, #file_descriptor{module = prim_file, data = #{owner => self(), handle => foo,
                                    r_ahead_size => 0, r_buffer => prim_buffer:new()}}]].

append() ->
    t(append, fun() -> [with("app", [append], fun(H) ->
        [prim_file:write(H, "one"), prim_file:pwrite(H, 0, "Z"), prim_file:position(H, 0),
         prim_file:write(H, "two")] end), prim_file:read_file("app")] end),
    t(append_read, fun() -> [with("app", [append, read], fun(H) ->
        [prim_file:position(H, cur), prim_file:read(H, 2), prim_file:write(H, "Q")] end),
        prim_file:read_file("app")] end),
    t(append_write, fun() -> [with("app", [append, write], fun(H) -> prim_file:write(H, "W") end),
        prim_file:read_file("app")] end).

big() ->
    B = binary:copy(<<"0123456789">>, 1000),
    t(pieces, fun() -> with("big", [read, write], fun(H) ->
        [prim_file:write(H, lists:duplicate(500, B)), prim_file:position(H, cur),
         prim_file:pwrite(H, 3, lists:duplicate(200, B)), prim_file:position(H, 0),
         begin {ok, D} = prim_file:read(H, 10000000), {byte_size(D), erlang:crc32(D)} end,
         prim_file:write(H, [[X, <<Y>>] || X <- lists:seq(0, 255), Y <- lists:seq(0, 9)]),
         begin {ok, E} = prim_file:pread(H, 5000000, 100000), {byte_size(E), erlang:crc32(E)} end,
         prim_file:pwrite(H, 7, [<<X, (binary:copy(<<X>>, 100))/binary>> || X <- lists:seq(0, 199)]),
         begin {ok, F} = prim_file:pread(H, 0, 30000), {byte_size(F), erlang:crc32(F)} end]
        end) end),
    t(read_file, fun() -> {ok, D} = prim_file:read_file("big"), {byte_size(D), erlang:crc32(D)} end).

handles() ->
    t(number, fun() -> with("big", [read], fun(H) -> byte_size(prim_file:get_handle(H)) end) end),
    t(from_number, fun() -> [prim_file:file_desc_to_ref(N, [read]) || N <- [9999, -1, x, 1 bsl 40]] end),
    t(adopted, fun() ->
        {ok, H} = prim_file:open("big", [read]),
        <<N:32/native>> = prim_file:get_handle(H),
        {ok, H2} = prim_file:file_desc_to_ref(N, [read]),
        R = [prim_file:read(H, 3), prim_file:read(H2, 3), prim_file:close(H2), prim_file:read(H, 1)],
        prim_file:close(H),
        R
    end).

closed() ->
    {ok, H} = prim_file:open("big", [read, write]),
    t(closed, fun() -> [prim_file:close(H), prim_file:close(H), prim_file:read(H, 3),
        prim_file:write(H, "x"), prim_file:pread(H, 0, 1), prim_file:pwrite(H, 0, "x"),
        prim_file:position(H, 0), prim_file:sync(H), prim_file:truncate(H), prim_file:read_line(H),
        prim_file:get_handle(H), prim_file:read_handle_info(H), prim_file:allocate(H, 0, 1),
        prim_file:advise(H, 0, 0, normal)] end).

%% Descriptors of this program that are open on a name.
open_count(Name) ->
    {ok, L} = prim_file:list_dir("/proc/self/fd"),
    length([N || N <- L, {ok, To} <- [prim_file:read_link("/proc/self/fd/" ++ N)],
                 filename:basename(To) =:= Name]).

wait_closed(_, 0) -> still_open;
wait_closed(Name, N) ->
    case open_count(Name) of
        0 -> closed;
        _ -> timer:sleep(10), wait_closed(Name, N - 1)
    end.

owner() ->
    Me = self(),
    t(other_process, fun() ->
        {ok, H} = prim_file:open("big", [read]),
        spawn(fun() -> Me ! {r, [try prim_file:read(H, 1) catch C:E -> {C, E} end,
                                 try prim_file:close(H) catch C:E -> {C, E} end,
                                 try prim_file:write(H, "x") catch C:E -> {C, E} end]} end),
        R = receive {r, X} -> X end,
        {R, prim_file:close(H)}
    end),
    ok = prim_file:write_file("owned", "x"),
    t(death, fun() ->
        {P, M} = spawn_monitor(fun() ->
            L = [prim_file:open("owned", [read]) || _ <- lists:seq(1, 20)],
            Me ! {open, length(L)},
            receive stop -> L end
        end),
        receive {open, 20} -> ok end,
        N = open_count("owned"),
        exit(P, kill),
        receive {'DOWN', M, _, _, Why} -> {N, Why, wait_closed("owned", 6000)} end
    end),
    %% Whether a file nobody refers to any more is closed at once or when its owner ends is left open.
    t(garbage, fun() ->
        {P, M} = spawn_monitor(fun() -> exit({open_and_forget(20), erlang:garbage_collect()}) end),
        receive {'DOWN', M, _, P, Why} -> {Why, wait_closed("owned", 6000)} end
    end).

open_and_forget(0) -> ok;
open_and_forget(N) ->
    {ok, _} = prim_file:open("owned", [read]),
    open_and_forget(N - 1).

ipread() ->
    with("ip", [read, write], fun(H) ->
        prim_file:write(H, <<4:32, 8:32, "abcdef">>),
        t(ipread, fun() -> [prim_file:ipread_s32bu_p32bu(H, O, M) ||
            {O, M} <- [{0, 100}, {0, 3}, {0, 4}, {0, infinity}, {7, 10}, {100, 10}, {-1, 10},
                       {0, -1}, {0, 1 bsl 70}, {1 bsl 70, 1}, {4, 10}, {a, 1}, {0, 1.0}]] end),
        [t({ipread, S, P}, fun() -> prim_file:pwrite(H, 0, <<S:32, P:32>>),
            prim_file:ipread_s32bu_p32bu(H, 0, 100) end) ||
            {S, P} <- [{0, 8}, {10, 8}, {10, -1}, {100, 0}, {101, 0}]]
    end).

no_times(#file_info{} = I) -> I#file_info{atime = 0, mtime = 0, ctime = 0, inode = 0};
no_times({ok, #file_info{} = I}) -> no_times(I);
no_times(E) -> E.

info() ->
    ok = prim_file:write_file("info", "12345"),
    ok = prim_file:make_dir("infodir"),
    [t({info, N}, fun() -> no_times(prim_file:read_file_info(N)) end) ||
        N <- ["info", "infodir", "infodir/", "info/", "nope", "", "a\0", foo, "/dev/null", "/dev/full",
              "/proc/self/status", "/"]],
    [t({types, O}, fun() -> {ok, I} = prim_file:read_file_info("info", O),
        case I#file_info.mtime of
            T when is_integer(T) -> abs(T - erlang:system_time(second)) < 1000;
            {{_, _, _}, {_, _, _}} -> tuple
        end end) || O <- [[], [{time, posix}], [{time, local}], [{time, universal}], [{time, foo}]]],
    [t({access, lists:flatten(io_lib:format("~.8b", [M]))}, fun() ->
        ok = prim_file:write_file_info("info", #file_info{mode = M}),
        {ok, I} = prim_file:read_file_info("info"),
        H = with("info", [read], fun prim_file:read_handle_info/1),
        {I#file_info.access, no_times(H)} end) || M <- [8#000, 8#400, 8#200, 8#600, 8#044, 8#777]].

write_info() ->
    ok = prim_file:write_file("wi", "x"),
    W = fun(I) -> {prim_file:write_file_info("wi", I, [{time, posix}]),
                   begin {ok, J} = prim_file:read_file_info("wi", [{time, posix}]),
                         {J#file_info.mode, J#file_info.uid, J#file_info.gid} end} end,
    T = fun(A, M) -> {prim_file:write_file_info("wi", #file_info{atime = A, mtime = M, ctime = 3},
                                                [{time, posix}]),
                      begin {ok, J} = prim_file:read_file_info("wi", [{time, posix}]),
                            {J#file_info.atime, J#file_info.mtime} end} end,
    t(mode, fun() -> [W(#file_info{mode = M}) || M <- [8#644, 8#1777, 8#4755, 8#2755, 8#7777, 8#170644,
        (1 bsl 32) - 1, 1 bsl 32, -1, 1.0, a, 8#644]] end),
    t(owner, fun() -> [W(#file_info{uid = U, gid = G}) || {U, G} <- [{undefined, undefined}, {-1, -1},
        {foo, 0}, {1 bsl 31, 0}, {0, 1 bsl 32}, {1.0, 0}]] end),
    t(times, fun() -> [T(A, M) || {A, M} <- [{1000, 2000}, {0, 0}, {-1, -2}, {1 bsl 32, (1 bsl 33) + 5},
        {-2145916801, -2145916799}, {-(1 bsl 40), 5}, {5, -(1 bsl 62)}, {1 bsl 70, 1}, {a, 1}]] end),
    t(local, fun() -> D = {{2020, 2, 29}, {12, 30, 1}},
        [{prim_file:write_file_info("wi", #file_info{atime = D, mtime = D}, O),
          (element(2, prim_file:read_file_info("wi", O)))#file_info.mtime} ||
            O <- [[], [{time, local}], [{time, universal}]]] end),
    t(nope, fun() -> [prim_file:write_file_info(N, #file_info{mode = 8#644}) ||
        N <- ["nope", "", "a\0"]] end),
    t(written, fun() -> [prim_file:write_file(N, "x") || N <- [".", "nodir/x", "", "/dev/full"]] end).

names() ->
    M = fun prim_file:make_dir/1,
    t(make_dir, fun() -> [M(N) || N <- ["d", "d", "d/e", "d/e/f/g", "", "info", "info/x", foo, "a\0"]] end),
    ok = prim_file:write_file("d/f", "x"),
    t(delete, fun() -> [prim_file:delete(N) || N <- ["d", "nope", "", "d/f/x", foo, "d/f", "d/f"]] end),
    ok = prim_file:write_file("d/f", "x"),
    t(del_dir, fun() -> [prim_file:del_dir(N) || N <- ["d", "d/f", "nope", ".", "./", "..", "/", "/proc", foo,
        "d/..", "d/e/..", "d/e", "d/e"]] end),
    [M(N) || N <- ["a", "a/b", "a/b/c", "e", "g", "g/h"]],
    t(rename, fun() -> [{F, T, prim_file:rename(F, T)} || {F, T} <-
        [{"d/f", "d/g"}, {"d/g", "a"}, {"d/g", "a/b"}, {"d/g", "nope/x"}, {"nope", "x"}, {"a", "a/b"},
         {"a", "a/b/z"}, {"a", "d/g"}, {"a/b", "a"}, {"e", "g"}, {"e", "g/h"}, {"a", "."}, {"a", ".."},
         {".", "z"}, {"", "z"}, {"a", ""}, {"d/g", "d/g"}, {"d/g", "big"}, {foo, "x"}, {"a\0", "x"},
         {"d", "/dev/null/x"}, {"d", "/proc/x"}]] end),
    t(list_dir, fun() -> [case prim_file:list_dir(N) of {ok, L} -> lists:sort(L); E -> E end ||
        N <- ["a", "a/b", "nope", "info", "", foo, "a\0", <<"a">>]] end),
    t(long, fun() -> [prim_file:make_dir(lists:duplicate(N, $a)) || N <- [256, 5000]] end),
    t(altname, fun() -> [prim_file:altname(N) || N <- ["a", "nope", foo]] end).

links() ->
    t(make_link, fun() -> [prim_file:make_link(F, T) || {F, T} <- [{"info", "hard"}, {"info", "hard"},
        {"nope", "x"}, {"a", "x"}, {"info", "nope/x"}, {foo, "x"}]] end),
    t(links, fun() -> {ok, I} = prim_file:read_file_info("hard"), I#file_info.links end),
    t(symlink, fun() -> [prim_file:make_symlink(F, T) || {F, T} <- [{"nope", "dangling"}, {"info", "soft"},
        {"a", "softdir"}, {"loop", "loop"}, {"info", "soft"}, {"", "x"}, {"x", ""}, {foo, "x"}]] end),
    t(read_link, fun() -> [prim_file:read_link(N) || N <- ["dangling", "soft", "softdir", "info", "a", "nope",
        "", foo]] end),
    t(follow, fun() -> [no_times(prim_file:read_file_info(N)) || N <- ["dangling", "soft", "loop"]] end),
    t(no_follow, fun() -> [no_times(prim_file:read_link_info(N)) || N <- ["dangling", "soft", "loop", "info"]] end),
    t(open, fun() -> [with(N, [read], fun(_) -> ok end) || N <- ["dangling", "soft", "softdir", "loop"]] end),
    t(delete, fun() -> [prim_file:delete("soft"), prim_file:read_file("info"), prim_file:del_dir("softdir"),
        prim_file:delete("softdir")] end).

cwd(Cwd, Dir) ->
    t(get_cwd, fun() -> {ok, D} = prim_file:get_cwd(), D =:= Dir end),
    t(set_cwd, fun() -> [prim_file:set_cwd(N) || N <- ["nope", "info", "", foo, "a\0", 12]] end),
    t(set_cwd, fun() -> ok = prim_file:set_cwd("a"), {ok, D} = prim_file:get_cwd(),
        ok = prim_file:set_cwd(".."), {D =:= Dir ++ "/a", prim_file:set_cwd(Cwd), prim_file:set_cwd(Dir)} end),
    t(drives, fun() -> [prim_file:get_cwd(N) || N <- ["C:", "c:", "foo", foo, ""]] end),
    t(gone, fun() -> ok = prim_file:make_dir("gone"), ok = prim_file:set_cwd("gone"),
        R = [prim_file:del_dir("../gone"), prim_file:get_cwd(), prim_file:make_dir("x"),
             prim_file:list_dir(".")],
        ok = prim_file:set_cwd(Dir), R end).

raw_names() ->
    ok = prim_file:make_dir("raw"),
    t(make, fun() -> [prim_file:make_dir(N) || N <- ["raw/\x{e9}", [$r, $a, $w, $/, 8364, 16#1F600],
        <<"raw/", 255>>, [$r, 16#d800], [1 bsl 30], <<"raw/\x{e5}"/utf8>>]] end),
    t(list_all, fun() -> {ok, L} = prim_file:list_dir_all("raw"), lists:sort(L) end),
    t(read, fun() -> [no_times(prim_file:read_file_info(N)) || N <- ["raw/\x{e9}/", <<"raw/", 255>>]] end),
    t(link, fun() -> [prim_file:make_symlink(<<"q", 255>>, "raw/l"), prim_file:read_link("raw/l"),
        prim_file:read_link_all("raw/l")] end),
    [t({name, F, X}, fun() -> prim_file:F(X) end) || {F, X} <- [{internal_name2native, "a\x{e9}"},
        {internal_name2native, <<255>>}, {internal_name2native, <<"a", 195, 169>>},
        {internal_native2name, <<"a", 195, 169>>}, {internal_native2name, <<255>>},
        {is_translatable, <<255>>}, {is_translatable, <<"x">>}, {is_translatable, "x"}]].

whole() ->
    t(read_file, fun() -> [prim_file:read_file(N) || N <- ["info", "nope", ".", "/dev/null", "", "a\0", foo,
        "info/x", "dangling", "loop"]] end),
    t(proc, fun() -> {ok, B} = prim_file:read_file("/proc/self/status"), byte_size(B) > 100 end),
    t(empty, fun() -> [prim_file:write_file("empty", ""), prim_file:read_file("empty")] end),
    t(write_file, fun() -> [prim_file:write_file("w", D) || D <- ["abc", <<"def">>, [$a, ["b", <<"c">>]], foo]]
        ++ [prim_file:read_file("w")] end).

device() ->
    t(full, fun() -> with("/dev/full", [write], fun(H) ->
        [prim_file:write(H, "x"), prim_file:write(H, [binary:copy(<<"y">>, 100000), "z"]),
         prim_file:pwrite(H, 0, "x"), prim_file:pwrite(H, [{0, ""}, {0, "x"}])] end) end),
    t(zero, fun() -> with("/dev/zero", [read], fun(H) ->
        {ok, B} = prim_file:read(H, 100000), {byte_size(B), erlang:crc32(B)} end) end),
    t(null, fun() -> with("/dev/null", [read, write], fun(H) ->
        [prim_file:write(H, "abc"), prim_file:read(H, 10), prim_file:position(H, 5)] end) end).

%% Many processes with files of their own at once.
many() ->
    t(many, fun() ->
        Work = fun(I) ->
            N = "many" ++ integer_to_list(I),
            {ok, H} = prim_file:open(N, [read, write, exclusive]),
            [ok = prim_file:write(H, integer_to_binary(K)) || K <- lists:seq(1, 200)],
            {ok, 0} = prim_file:position(H, 0),
            {ok, B} = prim_file:read(H, 10000),
            ok = prim_file:close(H),
            ok = prim_file:delete(N),
            exit({ok, erlang:crc32(B)})
        end,
        Ms = [spawn_monitor(fun() -> Work(I) end) || I <- lists:seq(1, 50)],
        lists:usort([receive {'DOWN', M, _, _, R} -> R end || {_, M} <- Ms])
    end).
