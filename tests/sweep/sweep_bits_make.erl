%% Writes the module sweep_bits_g: functions that build and match bit strings by random segment
%% specifications, so that the compiler's own choice of instructions is what runs.
-module(sweep_bits_make).
-export([write/2]).
-define(COUNT, 60).

write(Dir, Seed) ->
    sweep_gen:seed([Seed, 77]),
    Items = [item(I) || I <- lists:seq(1, ?COUNT)],
    {Texts, Entries} = lists:unzip(Items),
    ok = file:write_file(filename:join(Dir, "sweep_bits_g.erl"),
                         ["-module(sweep_bits_g).\n-compile([export_all, nowarn_export_all, nowarn_unused_vars]).\n", Texts]),
    lists:append(Entries).

item(I) ->
    Segs = [segment(N) || N <- lists:seq(1, 1 + sweep_gen:rnd(5))],
    Name = integer_to_list(I),
    Vars = lists:append([[V || V <- [Value, Size], V =/= none] || {_, Value, Size, _, _} <- Segs]),
    Types = lists:append([[T || {V, T} <- [{Value, VT}, {Size, ST}], V =/= none] || {_, Value, Size, VT, ST} <- Segs]),
    Build = ["b", Name, "(", lists:join(", ", Vars), ") -> <<", lists:join(", ", [S || {S, _, _, _, _} <- Segs]), ">>.\n"],
    Append = ["a", Name, "(A0, ", lists:join(", ", Vars), ") -> <<A0/bits, ", lists:join(", ", [S || {S, _, _, _, _} <- Segs]), ">>.\n"],
    {MSegs, MVars, MSizes} = match(Segs),
    Tail = sweep_gen:pick(["", ", R/bits", ", R/binary"]),
    TailVar = case Tail of "" -> []; _ -> ["R"] end,
    Skip = sweep_gen:pick(["", "", "_:3, ", "_:8, ", "P:5/bits, "]),
    Match = ["m", Name, "(", lists:join(", ", ["B" | MSizes]), ") -> case B of <<", Skip, lists:join(", ", MSegs), Tail, ">> -> {",
             lists:join(", ", MVars ++ TailVar), "}; _ -> no end.\n",
             "h", Name, "(<<", Skip, lists:join(", ", [S || {S, none} <- [{fix(X), none} || X <- MSegs]]), ", R/bits>>", ") -> {",
             lists:join(", ", MVars), ", h", Name, "(R)};\nh", Name, "(X) -> X.\n"],
    Comp = ["c", Name, "(L) -> << <<", compr(), ">> || X <- L >>.\n",
            "l", Name, "(B) -> [{A, C} || <<A:", integer_to_list(1 + sweep_gen:rnd(20)), ", C:", integer_to_list(1 + sweep_gen:rnd(12)), "/little-signed>> <= B].\n"],
    M = sweep_bits_g,
    A = fun(L) -> list_to_atom(L ++ Name) end,
    Input = {union, [bitstring, {bin, 0, 1}, {do, sweep_prop, attempt, [{lit, M}, {lit, A("b")}, {fixed, Types}]}, binary]},
    {[Build, Append, Match, Comp],
     [{M, A("b"), length(Vars), [{Types, any}]},
      {M, A("a"), length(Vars) + 1, [{[bitstring | Types], any}]},
      {M, A("m"), 1 + length(MSizes), [{[Input | [size_ || _ <- MSizes]], any}]},
      {M, A("h"), 1, [{[Input], any}]},
      {M, A("c"), 1, [{[{list, sweep_gen:pick([integer, small, float, binary, byte])}], any}]},
      {M, A("l"), 1, [{[bitstring], any}]}]}.

compr() -> sweep_gen:pick(["X", "X:13", "X/float", "X/binary", "X:5, 1:1", "X/utf8", "X:16/little", "1:3, X/bits", "X:40/signed-little", "X/utf16", "X:3"]).

%% {Text, ValueVariable, SizeVariable or none, ValueType, SizeType}
segment(N) ->
    V = "V" ++ integer_to_list(N),
    S = "S" ++ integer_to_list(N),
    Sign = sweep_gen:pick(["", "-signed", "-unsigned"]),
    End = sweep_gen:pick(["", "-little", "-big", "-native"]),
    case sweep_gen:rnd(12) of
        K when K < 4 ->
            Size = sweep_gen:pick(["1", "3", "7", "8", "8", "12", "16", "24", "31", "32", "33", "56", "64", "65", "100", "128", "0"]),
            {V ++ ":" ++ Size ++ "/integer" ++ Sign ++ End, V, none, integer, none};
        4 -> {V ++ ":" ++ S ++ "/integer" ++ Sign ++ End, V, S, integer, size_};
        5 -> {V ++ ":" ++ S ++ "/integer-unit:" ++ integer_to_list(1 + sweep_gen:rnd(20)) ++ Sign ++ End, V, S, integer, size_};
        6 -> {V ++ ":" ++ sweep_gen:pick(["64", "32", "16"]) ++ "/float" ++ End, V, none, number, none};
        7 -> {V ++ "/binary", V, none, binary, none};
        8 -> {V ++ ":" ++ S ++ sweep_gen:pick(["/binary", "/bits", "/binary-unit:3"]), V, S, bitstring, size_};
        9 -> {V ++ sweep_gen:pick(["/utf8", "/utf16", "/utf32", "/utf16-little", "/utf32-little"]), V, none, char, none};
        10 -> {V ++ "/bits", V, none, bitstring, none};
        11 -> {V ++ ":" ++ sweep_gen:pick(["1", "2", "3"]) ++ sweep_gen:pick(["/binary", "/bits"]), V, none, bitstring, none}
    end.

%% The same segments to match: a part without a size may only be the last, so it gets one.
match(Segs) -> match(Segs, [], [], []).
match([], Ss, Vs, Zs) -> {lists:reverse(Ss), lists:reverse(Vs), lists:reverse(Zs)};
match([{Text, V, Size, _, _} | T], Ss, Vs, Zs) ->
    Text2 = case {lists:suffix("/binary", Text) orelse lists:suffix("/bits", Text), lists:member($:, Text)} of
                {true, false} -> V ++ ":2" ++ lists:nthtail(length(V), Text);
                _ -> Text
            end,
    match(T, [Text2 | Ss], [V | Vs], case Size of none -> Zs; _ -> [Size | Zs] end).

%% The head of a function has no variables for sizes yet: a number instead.
fix(Text) ->
    case string:split(Text, ":S") of
        [A, B] -> A ++ ":" ++ integer_to_list(1 + sweep_gen:rnd(9)) ++ string:trim(B, leading, "0123456789");
        [_] -> Text
    end.
