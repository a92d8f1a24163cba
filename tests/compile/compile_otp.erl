%% compile_otp: compiles Erlang sources in memory and says what came out, for compare.py. Runs on stock
%% erl and on ling-run alike.
-module(compile_otp).
-export([main/1]).

%% main([ListFile, OutFile]): a line "Source Include..." for each module in; "Module Status Checksums" out.
main([ListFile, OutFile]) ->
    {ok, List} = file:read_file(ListFile),
    Lines = binary:split(List, <<"\n">>, [global, trim_all]),
    ok = file:write_file(OutFile, [one([binary_to_list(W) || W <- binary:split(L, <<" ">>, [global])]) || L <- Lines]).

one([Source | Include]) ->
    Options = [binary, deterministic, return, no_docs | [{i, I} || I <- Include]],
    {T0, _} = statistics(runtime),
    Result = try compile:noenv_file(Source, Options)
             catch C:R:S -> {crash, {C, R, S}}
             end,
    {T1, _} = statistics(runtime),
    Text = case Result of
               {ok, M, Beam, Warnings} ->
                   ["ok ", atom_to_list(M), " ", sum(Beam), " ", [[Id, "=", sum(Data), " "] || {Id, Data} <- chunks(Beam)],
                    "warnings=", sum(term_to_binary(Warnings))];
               {error, Errors, _} -> ["error ", sum(term_to_binary(Errors))];
               {crash, Why} ->
                   io:format(standard_error, "~ts: ~tp~n", [Source, Why]),
                   "crash"
           end,
    [Source, " ", integer_to_list(T1 - T0), " ", Text, "\n"].

sum(Data) -> [hex(X) || <<X:4>> <= erlang:md5(Data)].
hex(X) -> lists:nth(X + 1, "0123456789abcdef").

chunks(<<"FOR1", _:32, "BEAM", Chunks/binary>>) -> chunks1(Chunks).
chunks1(<<Id:4/binary, N:32, Data:N/binary, Rest/binary>>) ->
    Pad = -N band 3,
    [{Id, Data} | case Rest of <<_:Pad/binary, More/binary>> -> chunks1(More); _ -> [] end];
chunks1(<<>>) -> [].
