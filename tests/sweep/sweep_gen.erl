%% Values of a type, the same on every machine for the same seed: an own small generator of numbers,
%% integer arithmetic only. Arguments are made in a symbolic form that can be printed and read back
%% ({'$fun', ...} and {'$do', M, F, Args} stand for what has no literal); build/1 makes terms of it.
-module(sweep_gen).
-export([foreign/1, seed/1, rnd/1, gen/1, args/1, build/1, call/3, text/1, pick/1, apply_fun/3]).

%% ---- numbers

seed(L) ->
    S = lists:foldl(fun(X, A) -> ((A bxor X) * 48271 + 12345) rem 2147483647 end, 20221, L),
    put(rnd, S bor 1),
    put(depth, 0),
    rnd(10), rnd(10).

rnd(N) ->
    S = get(rnd) * 48271 rem 2147483647,
    put(rnd, S),
    (S bsr 3) rem N.

pick(L) -> lists:nth(rnd(length(L)) + 1, L).

size() ->
    case rnd(12) of
        0 -> 0;
        1 -> 1;
        11 -> rnd(40);
        _ -> rnd(6)
    end.

many(F) -> many(size(), F).
many(0, _) -> [];
many(N, F) -> [F() | many(N - 1, F)].

%% ---- arguments of a call: of the types given, now and then with one of another type

args({custom, Name}) -> sweep_custom:args(Name);
args({exact, Ts}) -> [gen(T) || T <- Ts];
args({Ts, _}) when is_list(Ts) -> args(Ts);
args(Clauses = [{_, _} | _]) ->
    {Ts, _} = pick(Clauses),
    As = [gen(T) || T <- Ts],
    case rnd(8) of
        0 when As =/= [] ->
            N = rnd(length(As)),
            Wild = case lists:nth(N + 1, Ts) of
                       size_ -> wild_size;
                       {tfn, _, _} -> wild_value;
                       _ -> wild
                   end,
            lists:sublist(As, N) ++ [gen(Wild)] ++ lists:nthtail(N + 1, As);
        _ -> As
    end.

%% ---- types

gen(T) ->
    D = get(depth),
    put(depth, D + 1),
    V = if D > 6 -> leaf(T); true -> g(T) end,
    put(depth, D),
    V.

leaf({lit, V}) -> V;
leaf({union, Ts}) -> leaf(pick(Ts));
leaf({list, _}) -> [];
leaf({tuple, Ts}) -> list_to_tuple([leaf(T) || T <- Ts]);
leaf({map, _}) -> #{};
leaf(T) when T =:= any; T =:= term; T =:= wild -> pick([a, 1, [], b, {}, 2.0]);
leaf(T) -> g(T).

g({lit, V}) -> V;
g({union, Ts}) -> gen(pick(Ts));
g({list, T}) -> list(T, 0);
g({short, N, T}) -> lists:sublist(gen(T), N);
g({nelist, T}) -> list(T, 1);
g({ilist, T, T2}) ->
    case rnd(3) of
        0 -> many(fun() -> gen(T) end) ++ gen(T2);
        _ -> list(T, 0)
    end;
g({tuple, Ts}) -> list_to_tuple([gen(T) || T <- Ts]);
g(tuple) -> list_to_tuple(many(fun() -> gen(any) end));
g(map) -> g({map, [{map_field_assoc, any, any}]});
g({map, Fields}) -> maps:from_list(lists:append([field(F) || F <- Fields]));
g({int, A, B}) ->
    case rnd(5) of
        0 -> A;
        1 -> B;
        _ -> A + (rnd(16#fffffff) * (1 bsl 28) + rnd(16#fffffff)) rem (B - A + 1)
    end;
g(integer) -> int();
g(non_neg_integer) -> abs(int());
g(pos_integer) -> case abs(int()) of 0 -> 1; N -> N end;
g(neg_integer) -> -abs(int()) - 1;
g(small) -> rnd(10);
g(count) -> pick([0, 1, 2, 3, 5, rnd(70), rnd(300), -1]);
g(shift) -> pick([0, 1, 2, 3, 28, 59, 60, 61, 63, 64, 65, rnd(200), -1, -5, -64, -rnd(200)]);
g(digits) -> pick([0, 1, 2, 3, 5, 10, 15, 17, 20, rnd(60), 252, 253, 254, -1]);
g(size_) -> pick([0, 1, 2, 3, 7, 8, 9, 16, 31, 64, 65, rnd(200), rnd(20), -1]);
g({fixed, Ts}) -> [gen(T) || T <- Ts];
g(base) -> 2 + rnd(35);
g(float) -> float_();
g(number) -> case rnd(2) of 0 -> int(); _ -> float_() end;
g(boolean) -> rnd(2) =:= 0;
g(atom) -> atom_();
g(module) -> pick([lists, maps, erlang, nosuch, sweep_gen, kernel]);
g(arity) -> rnd(256);
g(byte) -> rnd(256);
g(char) -> chr();
g(mfa) -> {atom_(), atom_(), rnd(4)};
g(binary) -> bin(size());
g(nonempty_binary) -> bin(1 + size());
g(bitstring) -> bits();
g(nonempty_bitstring) -> <<1:1, (bits())/bits>>;
g({bin, 0, 8}) -> bin(size());
g({bin, 0, 1}) -> bits();
g({bin, N, U}) ->
    B = N + U * size(),
    <<V:B/bits, _/bits>> = <<(bin(B div 8 + 1))/binary>>,
    V;
g(string) -> chars();
g(nonempty_string) -> [chr() | chars()];
g(latin1) -> many(fun() -> pick([$a, $\n, 0, 255, $é, rnd(128), rnd(256)]) end);
g(iolist) -> iolist(3);
g(iodata) -> case rnd(2) of 0 -> bin(size()); _ -> iolist(3) end;
g(chardata) -> chardata();
g(T) when T =:= list; T =:= nonempty_list -> list(any, 0);
g(maybe_improper_list) -> g({ilist, any, any});
g(nonempty_maybe_improper_list) -> [gen(any) | g({ilist, any, any})];
g(pid) -> {'$do', erlang, list_to_pid, [pick(["<0.1.0>", "<0.2.0>", "<0.77.1>"])]};
g(reference) -> {'$do', erlang, list_to_ref, [pick(["#Ref<0.1.2.3>", "#Ref<0.1.2.4>"])]};
g(port) -> {'$do', erlang, list_to_port, [pick(["#Port<0.1>", "#Port<0.2>"])]};
g(identifier) -> g(pick([pid, reference, port]));
g(function) -> g({fn, 1, any});
g({fn, 2, boolean}) ->
    case rnd(3) of
        0 -> {'$fun', 2, boolean, rnd(1000)};
        _ -> {'$do', erlang, make_fun, [erlang, pick(['=<', '<', '>=', '>', '=:=', '==']), 2]}
    end;
%% Never raises: for maps of more than 32 keys, which stock walks in an order of its own.
g({tfn, A, R}) -> {'$fun', A, R, -1 - rnd(100000)};
g({fn, A, R}) -> {'$fun', A, R, rnd(100000)};
g({do, M, F, Ts}) -> {'$do', M, F, [gen(T) || T <- Ts]};
g({more, Name}) -> sweep_lib:gen(Name);
g({custom, Name}) -> sweep_custom:gen(Name);
g(timeout) -> pick([0, 1, 1000, infinity]);
g(node) -> pick([nonode@nohost, a@b]);
g(no_return) -> a;
g(none) -> a;
g(dynamic) -> gen(any);
g(bigmap) -> maps:from_list(many(rnd(120), fun() -> {gen(key), gen(any)} end));
g(anymap) -> case rnd(3) of 0 -> g(bigmap); _ -> g(map) end;
g(key) ->
    case rnd(6) of
        0 -> gen(any);
        1 -> atom_();
        2 -> int();
        3 -> float_();
        _ -> rnd(100)
    end;
g(hashable) -> gen(any);
g(T) when T =:= any; T =:= term -> any();
%% Not the size of a segment; no size between some kilobytes and what is refused at once, which makes
%% stock end for want of memory.
g(wild_value) -> pick([a, 1, -1, 1 bsl 64, [], [a | b], {}, #{}, <<1:3>>, 1.5]);
g(wild_size) -> pick([a, 1.5, <<1>>, [], -1, -(1 bsl 70), 1 bsl 70, 1 bsl 200]);
g(wild) ->
    case rnd(12) of
        0 -> [a | b];
        1 -> [1, 2 | 3];
        2 -> <<1:3>>;
        3 -> -1;
        4 -> 1 bsl 64;
        5 -> {};
        6 -> #{};
        7 -> [];
        8 -> {'$fun', rnd(4), any, rnd(1000)};
        9 -> 1.5;
        10 -> bin(size());
        11 -> any()
    end.

list(T, Min) ->
    N = Min + size(),
    case rnd(3) of
        0 -> % few different elements, so that equal ones meet
            Few = [gen(T), gen(T), gen(T)],
            many(N, fun() -> pick(Few) end);
        _ -> many(N, fun() -> gen(T) end)
    end.

field({map_field_exact, K, V}) -> [{gen(K), gen(V)}];
field({map_field_assoc, {lit, K}, V}) -> case rnd(2) of 0 -> []; _ -> [{K, gen(V)}] end;
field({map_field_assoc, K, V}) -> few(fun() -> {gen(K), gen(V)} end, 10).

any() ->
    case rnd(30) of
        N when N < 8 -> int();
        N when N < 14 -> atom_();
        N when N < 16 -> float_();
        N when N < 19 -> gen({list, any});
        N when N < 22 -> g(tuple);
        22 -> g(map);
        23 -> bin(size());
        24 -> bits();
        25 -> chars();
        26 -> rnd(256);
        27 -> g(pick([pid, reference, port]));
        28 -> [gen(any) | gen(any)];
        29 -> {'$do', erlang, make_fun, pick([[lists, map, 2], [lists, foldl, 3], [maps, get, 2]])}
    end.

int() ->
    case rnd(16) of
        N when N < 6 -> rnd(10);
        N when N < 8 -> -rnd(10);
        8 -> rnd(256);
        9 -> rnd(100000);
        10 -> -rnd(100000);
        11 -> pick([1, -1]) * ((1 bsl (20 + rnd(50))) + rnd(3) - 1);
        12 -> pick([1, -1]) * ((1 bsl pick([31, 32, 58, 59, 60, 61, 63, 64, 127, 128])) + rnd(5) - 2);
        13 -> pick([1, -1]) * big(1 + rnd(12));
        14 -> pick([1, -1]) * (big(3) bsl rnd(200));
        15 -> rnd(1114112)
    end.

big(0) -> 0;
big(N) -> (big(N - 1) bsl 27) bor rnd(1 bsl 27).

float_() ->
    case rnd(10) of
        0 -> pick([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1.0e22, 1.0e23, 1.0e-5, 123456789012345680.0,
                   4.9406564584124654e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                   9007199254740992.0, 9007199254740993.0, 0.1, 0.2, 0.30000000000000004]);
        1 -> float(rnd(1000));
        2 -> rnd(1000) / 8;
        3 -> (rnd(2000000) - 1000000) / 1000;
        4 -> float(1 bsl (40 + rnd(80)));
        5 -> (rnd(1 bsl 27) - (1 bsl 26)) / (1 + rnd(1 bsl 20));
        _ -> raw_float()
    end.

raw_float() ->
    case <<(rnd(1 bsl 27)):27, (rnd(1 bsl 27)):27, (rnd(1 bsl 10)):10>> of
        <<F/float>> -> F;
        _ -> 7.25
    end.

atom_() ->
    case rnd(20) of
        N when N < 14 -> pick([a, b, c, d, true, false, ok, error, undefined]);
        14 -> '';
        15 -> pick(['hello world', 'Ab', '_', 'a@b', nonode@nohost]);
        16 -> pick(['é', 'жук', '日本', 'a\nb', '\\']);
        17 -> pick([lists, erlang, infinity, normal, kill]);
        18 -> pick(['and', 'fun', 'maybe', 'receive', '+', '->', '[]', '{}']);
        19 -> list_to_atom("k" ++ integer_to_list(rnd(50)))
    end.

bin(0) -> <<>>;
bin(N) ->
    case rnd(5) of
        0 -> <<<<(rnd(256))>> || _ <- lists:seq(1, N)>>;
        1 -> unicode:characters_to_binary([chr() || _ <- lists:seq(1, N)]);
        2 -> <<<<(pick("abc"))>> || _ <- lists:seq(1, N * 4)>>;
        3 -> <<<<(pick("ab\n 019"))>> || _ <- lists:seq(1, N)>>;
        4 when N > 10 -> <<<<(rnd(4))>> || _ <- lists:seq(1, N * 7)>>;
        4 -> <<<<(rnd(128))>> || _ <- lists:seq(1, N)>>
    end.

bits() ->
    B = bin(size()),
    case rnd(3) of
        0 -> B;
        _ -> <<B/binary, (rnd(128)):(1 + rnd(7))>>
    end.

chr() ->
    case rnd(12) of
        N when N < 6 -> pick("abcABC 019.-_");
        6 -> rnd(128);
        7 -> rnd(256);
        8 -> pick([16#e9, 16#301, 16#308, 16#df, 16#130, 16#131, 16#3c3, 16#3c2, 16#1c5, 16#fb01, 16#212b,
                   16#ac00, 16#1100, 16#1161, 16#11a8, 16#200d, 16#1f468, 16#1f469, 16#1f1e6, 16#1f1e7,
                   16#fe0f, 16#0d, 16#0a, 16#85, 16#2028, 16#a0, 16#3000, 16#ff21, 16#1d400, 16#2126]);
        9 -> 16#400 + rnd(256);
        10 -> pick([$\n, $\t, $\s, $\r, $", $', $\\, 0, 127, 16#d7ff, 16#e000, 16#fffd, 16#10ffff]);
        11 ->
            case rnd(1114112) of
                C when C >= 16#d800, C < 16#e000 -> $x;
                C -> C
            end
    end.

chars() ->
    case rnd(3) of
        0 -> many(fun() -> pick("abc ") end);
        _ -> many(fun chr/0)
    end.

chardata() ->
    case rnd(6) of
        0 -> chars();
        1 -> unicode:characters_to_binary(chars());
        2 -> few(fun chardata/0, 3);
        3 -> [chars() | unicode:characters_to_binary(chars())];
        4 -> [chr(), unicode:characters_to_binary(chars()), chars()];
        5 -> pick(["  abc  ", <<"a,b,,c">>, "aXbXXc", <<"hello world">>, "Ünïcödé", [], <<>>,
                   ["ab", <<"cd"/utf8>>], "été", [101, 769, 116], "123abc", "0x1F", "  12.5e3 x", "+7", "-8.25"])
    end.

few(F, Max) -> many(rnd(Max + 1), F).

iolist(0) -> [];
iolist(D) ->
    many(rnd(5), fun() ->
                         case rnd(4) of
                             0 -> rnd(256);
                             1 -> bin(size());
                             2 -> iolist(D - 1);
                             3 -> rnd(128)
                         end
                 end)
        ++ case rnd(6) of 0 -> bin(size()); _ -> [] end.

%% A byte of damaged external format. Stock takes its internal tags of atoms and binaries (73 to 76) from
%% outside as well, and finds in its tables what they point to.
foreign(B) when B >= 73, B =< 76 -> 0;
foreign(B) -> B.

%% ---- from the symbolic form to terms

build({'$fun', A, R, S}) -> fn(A, R, S);
build({'$do', M, F, As}) -> apply(M, F, build(As));
build([H | T]) -> [build(H) | build(T)];
build(M) when is_map(M) -> maps:from_list([{build(K), build(V)} || {K, V} <- maps:to_list(M)]);
build(T) when is_tuple(T) -> list_to_tuple(build(tuple_to_list(T)));
build(T) -> T.

%% A function of any type: its value follows from its arguments and the seed.
fn(0, R, S) -> fun() -> apply_fun(R, S, []) end;
fn(1, R, S) -> fun(A) -> apply_fun(R, S, [A]) end;
fn(2, R, S) -> fun(A, B) -> apply_fun(R, S, [A, B]) end;
fn(3, R, S) -> fun(A, B, C) -> apply_fun(R, S, [A, B, C]) end;
fn(_, R, S) -> fun(A, B, C, D) -> apply_fun(R, S, [A, B, C, D]) end.

apply_fun(R, S, Args) ->
    Old = {get(rnd), get(depth)},
    seed([S, erlang:phash2(sweep:normal(Args))]),
    put(depth, 3),
    V = case rnd(200) of
            _ when S < 0 -> build(gen(R));
            0 -> sweep_stop;
            1 when Args =/= [] -> sweep_argument;
            _ -> build(gen(R))
        end,
    put(rnd, element(1, Old)),
    put(depth, element(2, Old)),
    case V of
        sweep_stop -> throw(stopped);
        sweep_argument -> hd(Args);
        _ -> V
    end.

call(M, F, Args) -> apply(M, F, build(Args)).

%% How a call is written so that a shell repeats it (with tests/sweep's modules when it has '$').
text({M, F, Args}) ->
    case special(Args) of
        true -> io_lib:format("sweep_gen:call(~w, ~w, ~0tp).", [M, F, Args]);
        false ->
            io_lib:format("~w:~w(~ts).",
                          [M, F, lists:join(", ", [io_lib:format("~0tp", [A]) || A <- Args])])
    end.

special({'$fun', _, _, _}) -> true;
special({'$do', _, _, _}) -> true;
special([H | T]) -> special(H) orelse special(T);
special(T) when is_tuple(T) -> special(tuple_to_list(T));
special(T) when is_map(T) -> special(maps:to_list(T));
special(_) -> false.
