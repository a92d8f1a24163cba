%% The compiler at work on modules of OTP itself: their abstract code is printed and
%% compiled to assembler; both machines must come to the same.
-module(selfcompile_t).
-export([main/1]).

main(_) ->
    [one(M) || M <- [proplists, queue, orddict, gb_sets, base64, gen_server, erl_scan, beam_dict]].

one(M) ->
    {M, Beam, _} = code:get_object_code(M),
    <<"FOR1", _:32, "BEAM", Chunks/binary>> = Beam,
    {debug_info_v1, erl_abstract_code, {Forms, _}} = binary_to_term(chunk(<<"Dbgi">>, Chunks)),
    io:format("~p: ~p forms~n", [M, length(Forms)]),
    io:format("  text ~p~n", [erlang:phash2(unicode:characters_to_binary([erl_pp:form(F) || F <- Forms]))]),
    %% erl_lint keeps tables, so its pass is left out.
    {ok, Core, []} = v3_core:module(erl_expand_records:module(Forms, []), []),
    {ok, M, {M, _, _, Functions, Labels}} = compile:forms(Core, [from_core, to_asm, binary]),
    io:format("  asm ~p functions, ~p labels, ~p~n", [length(Functions), Labels, erlang:phash2(Functions)]),
    Syntax = erl_syntax:form_list(Forms),
    io:format("  tree ~p~n", [erlang:phash2(erl_syntax_lib:fold(fun(N, A) -> [erl_syntax:type(N) | A] end, [], Syntax))]).

%% beam_lib keeps tables, which a bare VM need not have.
chunk(Id, <<Id:4/binary, N:32, Data:N/binary, _/binary>>) -> Data;
chunk(Id, <<_:4/binary, N:32, _:N/binary, Rest/binary>>) ->
    Pad = -N band 3, <<_:Pad/binary, Next/binary>> = Rest, chunk(Id, Next).
