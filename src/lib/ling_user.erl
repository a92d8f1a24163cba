%% ling_user: the I/O server of a VM without a booted OTP system. One process is registered as
%% `user` (standard input and output), one as `standard_error`. Both speak Erlang's I/O protocol
%% (stdlib user's guide) and behave as OTP's user process with -noshell. Bytes move through the
%% functions of ling_io (bif_io.c), which sends {ling_io, data, Bin}, {ling_io, eof} and
%% {ling_io, error, Reason}.
-module(ling_user).
-export([server/1]).

-record(st, {fd, encoding = latin1, binary = false, in = <<>>, eof = false}).

server(Fd) -> loop(#st{fd = Fd}).

loop(St) ->
    receive
        {io_request, From, ReplyAs, Request} when is_pid(From) ->
            loop(serve(From, ReplyAs, Request, St));
        {ling_io, data, Bin} ->
            loop(St#st{in = join(St#st.in, Bin)});
        {ling_io, eof} ->
            loop(St#st{eof = true});
        _ ->
            loop(St)
    end.

serve(From, ReplyAs, Request, St0) ->
    {Reply, St} = request(Request, St0),
    From ! {io_reply, ReplyAs, Reply},
    St.

%% ---- requests ----

request({put_chars, Enc, Chars}, St) -> put_chars(Enc, Chars, St);
request({put_chars, Enc, M, F, A}, St) ->
    case catch apply(M, F, A) of
        Chars when is_list(Chars); is_binary(Chars) -> put_chars(Enc, Chars, St);
        _ -> {{error, put_chars}, St}
    end;
request({put_chars, Chars}, St) -> put_chars(latin1, Chars, St);
request({put_chars, M, F, A}, St) -> request({put_chars, latin1, M, F, A}, St);
request({get_line, Enc, Prompt}, St) -> input(Enc, Prompt, St, fun get_line/1);
request({get_line, Prompt}, St) -> request({get_line, latin1, Prompt}, St);
request({get_chars, Enc, Prompt, N}, St) when is_integer(N), N >= 0 ->
    input(Enc, Prompt, St, fun(S) -> get_chars(N, S) end);
request({get_chars, Prompt, N}, St) -> request({get_chars, latin1, Prompt, N}, St);
request({get_until, Enc, Prompt, M, F, A}, St) ->
    input(Enc, Prompt, St, fun(S) -> get_until(M, F, A, S) end);
request({get_until, Prompt, M, F, A}, St) -> request({get_until, latin1, Prompt, M, F, A}, St);
request({requests, Requests}, St) when is_list(Requests) -> requests(Requests, ok, St);
request({setopts, Opts}, St) when is_list(Opts) -> setopts(Opts, St);
request(getopts, St) -> {[{binary, St#st.binary}, {encoding, St#st.encoding}], St};
request({get_geometry, _}, St) -> {{error, enotsup}, St};
request(Request, St) -> {{error, {request, Request}}, St}.

requests([R | Rs], Reply, St0) ->
    case is_error(Reply) of
        true ->
            {Reply, St0};
        false ->
            {Reply1, St} = request(R, St0),
            requests(Rs, Reply1, St)
    end;
requests(_, Reply, St) -> {Reply, St}.

is_error({error, _}) -> true;
is_error(_) -> false.

setopts(Opts, St) ->
    case setopts1(Opts, St) of
        #st{} = New -> {ok, New};
        error -> {{error, enotsup}, St}
    end.

setopts1([binary | T], St) -> setopts1(T, St#st{binary = true});
setopts1([list | T], St) -> setopts1(T, St#st{binary = false});
setopts1([{binary, B} | T], St) when is_boolean(B) -> setopts1(T, St#st{binary = B});
setopts1([{encoding, latin1} | T], St) -> setopts1(T, St#st{encoding = latin1});
setopts1([{encoding, E} | T], St) when E =:= unicode; E =:= utf8 ->
    setopts1(T, St#st{encoding = unicode});
setopts1([], St) -> St;
setopts1(_, _) -> error.

%% ---- output ----

put_chars(Enc, Chars, St) ->
    case bytes(Enc, St#st.encoding, Chars) of
        {ok, Bytes} ->
            ling_io:write(St#st.fd, Bytes),
            {ok, St};
        error when Enc =:= latin1; Enc =:= unicode ->
            {{error, put_chars}, St};
        error ->
            {{error, {request, {put_chars, Enc, Chars}}}, St}
    end.

%% Characters in encoding In as bytes for a device with encoding Out. The common case needs no
%% module but this one.
bytes(unicode, Out, Chars) ->
    Limit = case Out of latin1 -> 256; unicode -> 128 end,
    case is_simple(Chars, Limit) of
        true when is_binary(Chars) -> {ok, Chars};
        true -> {ok, list_to_binary(Chars)};
        false -> wide(Out, Chars)
    end;
bytes(latin1, Out, Chars) ->
    try iolist_to_binary(Chars) of
        Bytes when Out =:= latin1 -> {ok, Bytes};
        Bytes -> {ok, unicode:characters_to_binary(Bytes, latin1, unicode)}
    catch
        error:_ -> error
    end;
bytes(_, _, _) -> error.

%% Is every character below Limit, and binaries (which are UTF-8) plain ASCII?
is_simple([C | T], Limit) when is_integer(C) -> C >= 0 andalso C < Limit andalso is_simple(T, Limit);
is_simple([H | T], Limit) -> is_simple(H, Limit) andalso is_simple(T, Limit);
is_simple([], _) -> true;
is_simple(<<C, T/binary>>, Limit) -> C < 128 andalso is_simple(T, Limit);
is_simple(<<>>, _) -> true;
is_simple(_, _) -> false.

wide(unicode, Chars) ->
    case catch unicode:characters_to_binary(Chars, unicode) of
        Bytes when is_binary(Bytes) -> {ok, Bytes};
        _ -> error
    end;
wide(latin1, Chars) ->
    case catch unicode:characters_to_list(Chars, unicode) of
        List when is_list(List) -> {ok, list_to_binary([escape(C) || C <- List])};
        _ -> error
    end.

escape(C) when C < 256 -> C;
escape(C) -> ["\\x{", integer_to_list(C, 16), "}"].

%% ---- input ----

input(Enc, _Prompt, #st{fd = 2} = St, _) when Enc =:= latin1; Enc =:= unicode ->
    {{error, enotsup}, St};
input(Enc, Prompt, St0, Get) when Enc =:= latin1; Enc =:= unicode ->
    {_, St1} = prompt(Prompt, St0),
    {Reply, St} = Get(St1),
    {reply_chars(Reply, Enc, St), St};
input(_, _, St, _) ->
    {{error, enotsup}, St}.

prompt([], St) -> {ok, St};
prompt('', St) -> {ok, St};
prompt({format, F, A}, St) -> request({put_chars, unicode, io_lib, format, [F, A]}, St);
prompt(P, St) when is_list(P); is_binary(P) ->
    case put_chars(unicode, P, St) of
        {ok, _} = Ok -> Ok;
        _ -> request({put_chars, unicode, io_lib, format, ["~p", [P]]}, St)
    end;
prompt(P, St) when is_atom(P) -> put_chars(unicode, atom_to_list(P), St);
prompt(P, St) -> request({put_chars, unicode, io_lib, format, ["~p", [P]]}, St).

%% What a get_ function found: {chars, Bytes} in the device's encoding, or any other term.
reply_chars({chars, Bytes}, Enc, St) ->
    case {decode(Bytes, St), Enc} of
        {error, _} -> {error, {no_translation, unicode, Enc}};
        {List, _} when not St#st.binary -> List;
        {List, latin1} ->
            case is_simple(List, 256) of
                true -> list_to_binary(List);
                false -> {error, {no_translation, unicode, latin1}}
            end;
        {List, unicode} -> unicode:characters_to_binary(List)
    end;
reply_chars(Term, _, _) ->
    Term.

decode(Bytes, #st{encoding = latin1}) -> binary_to_list(Bytes);
decode(Bytes, #st{encoding = unicode}) ->
    case is_simple(Bytes, 128) of
        true -> binary_to_list(Bytes);
        false ->
            case unicode:characters_to_list(Bytes, unicode) of
                List when is_list(List) -> List;
                _ -> error
            end
    end.

get_line(St0) ->
    {Line, St} = line(0, St0),
    case Line of
        <<>> -> {eof, St};
        _ -> {{chars, unix_line(Line)}, St}
    end.

%% The next bytes up to and with a newline (or the end of input); <<>> only at the end.
line(From, #st{in = In, eof = Eof} = St) ->
    case newline(In, From) of
        none when Eof -> {In, St#st{in = <<>>}};
        none -> line(byte_size(In), more(St));
        End ->
            <<Line:End/binary, Rest/binary>> = In,
            {Line, St#st{in = Rest}}
    end.

newline(Bin, From) ->
    case Bin of
        <<_:From/binary, Tail/binary>> -> newline1(Tail, From + 1)
    end.
newline1(<<$\n, _/binary>>, N) -> N;
newline1(<<_, T/binary>>, N) -> newline1(T, N + 1);
newline1(<<>>, _) -> none.

unix_line(Line) ->
    N = byte_size(Line) - 2,
    case Line of
        <<Text:N/binary, "\r\n">> -> <<Text/binary, $\n>>;
        _ -> Line
    end.

get_chars(N, #st{in = In, eof = Eof} = St) ->
    case chars_end(In, N, St#st.encoding) of
        more when not Eof -> get_chars(N, more(St));
        more when In =:= <<>> -> {eof, St};
        more -> {{chars, In}, St#st{in = <<>>}};
        End ->
            <<Chars:End/binary, Rest/binary>> = In,
            {{chars, Chars}, St#st{in = Rest}}
    end.

%% Bytes that N characters take.
chars_end(In, N, latin1) when byte_size(In) >= N -> N;
chars_end(_, _, latin1) -> more;
chars_end(In, N, unicode) -> utf8_end(In, N, 0).

utf8_end(_, 0, End) -> End;
utf8_end(<<C, T/binary>>, N, End) ->
    Tail = if C < 16#C0 -> 0; C < 16#E0 -> 1; C < 16#F0 -> 2; true -> 3 end,
    case T of
        <<_:Tail/binary, Rest/binary>> -> utf8_end(Rest, N - 1, End + 1 + Tail);
        _ -> more
    end;
utf8_end(<<>>, _, _) -> more.

get_until(M, F, A, St) -> get_until(M, F, A, [], St).

get_until(M, F, A, Cont, St0) ->
    {Line, St} = line(0, St0),
    Data = case Line of <<>> -> eof; _ -> decode(Line, St) end,
    case catch apply(M, F, [Cont, Data | A]) of
        {done, Result, eof} -> {Result, St#st{eof = true}};
        {done, Result, Rest} when is_list(Rest) ->
            {until_reply(Result, St), St#st{in = join(encode(Rest, St), St#st.in)}};
        {done, Result, Rest} when is_binary(Rest) ->
            {until_reply(Result, St), St#st{in = join(Rest, St#st.in)}};
        {more, Cont1} when Data =/= eof -> get_until(M, F, A, Cont1, St);
        _ -> {{error, F}, St}
    end.

%% Strings are converted as the binary option says; terms (io:read) are left alone.
until_reply(Result, #st{binary = true}) when is_list(Result) ->
    case catch unicode:characters_to_binary(Result, unicode) of
        Bin when is_binary(Bin) -> Bin;
        _ -> Result
    end;
until_reply(Result, _) -> Result.

encode(List, #st{encoding = latin1}) -> list_to_binary(List);
encode(List, _) -> unicode:characters_to_binary(List).

join(<<>>, B) -> B;
join(A, <<>>) -> A;
join(A, B) -> <<A/binary, B/binary>>.

%% Waits for input. Output of others goes on meanwhile.
more(St) ->
    ling_io:read_start(),
    wait(St).

wait(St) ->
    receive
        {ling_io, data, Bin} ->
            ling_io:read_stop(),
            St#st{in = join(St#st.in, Bin)};
        {ling_io, eof} ->
            ling_io:read_stop(),
            St#st{eof = true};
        {ling_io, error, _} ->
            ling_io:read_stop(),
            St#st{eof = true};
        {io_request, From, ReplyAs, Request}
          when is_pid(From), element(1, Request) =:= put_chars ->
            wait(serve(From, ReplyAs, Request, St))
    end.
