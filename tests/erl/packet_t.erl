%% erlang:decode_packet/3: every packet type, on good, short and broken input. What stock prints is
%% the expectation.
-module(packet_t).
-export([start/0]).

d(T, B, O) ->
    R = try erlang:decode_packet(T, B, O)
        catch error:E -> {error_raised, E}
        end,
    io:format("~0p ~0p ~0p -> ~0p~n", [T, B, O, R]).

start() ->
    types(),
    http(),
    edges(),
    random(2000, rand:seed_s(exsss, 7)).

types() ->
  [d(T,B,[]) || T <- [raw,0,1,2,4,asn1,sunrm,cdr,fcgi,tpkt,line,http,httph,http_bin,httph_bin,ssl_tls,foo,3], B <- [<<>>,<<0>>,<<1>>,<<3,0>>,<<2,0,1,2,3>>,<<0,2,1,2,3>>,<<0,0,0,2,1,2,3>>,<<3,0,0,4>>,<<3,0,0,5,6,7>>,<<3,0,0,3>>,<<2,1,1>>]],
  [d(T,B,[{packet_size,S}]) || T <- [1,2,4,asn1,sunrm,cdr,fcgi,tpkt,line,raw], S <- [0,1,2,3,4,10], B <- [<<2,0,1,2,3>>,<<0,2,1,2,3>>,<<0,0,0,2,1,2,3>>,<<3,0,0,5,6,7>>,<<"abcd\nef">>,<<128,0,0,2,5,6,7>>]],
  [d(4,B,[]) || B <- [<<127,255,255,255>>,<<128,0,0,0>>,<<255,255,255,255,1>>,<<0,0,0,0>>,<<0,0,0,0,7>>]],
  [d(asn1,B,[]) || B <- [<<16#30,16#80>>,<<16#30,16#81,2,1,2,3>>,<<16#30,16#82,0,2,1,2,3>>,<<16#30,16#84,0,0,0,2,1,2,3>>,<<16#30,16#85,0,0,0,0,2,1,2,3>>,<<16#1f,16#81,5,1,2>>,<<16#1f,5,1,2>>,<<16#1f,16#ff,16#ff,16#ff,16#ff,16#ff,1,1,2>>,<<16#30,16#84,255,255,255,255>>,<<16#30,16#84,127,255,255,255>>]],
  [d(cdr,B,[]) || B <- [<<"GIOP",1,0,0,0,0,0,0,2,1,2,3>>,<<"GIOP",1,0,1,0,2,0,0,0,1,2,3>>,<<"GIOX",1,0,0,0,0,0,0,2,1,2,3>>,<<"GIOP",1,0,0>>,<<"GI">>,<<"GIOP",9,9,0,0,0,0,0,1,1,2>>,<<"GIOP",1,0,0,0,255,255,255,255,1,2>>]],
  [d(fcgi,B,[]) || B <- [<<1,1,0,1,0,2,0,0,1,2,3>>,<<1,1,0,1,0,2,1,0,1,2,3,4>>,<<2,1,0,1,0,2,1,0,1,2,3,4>>,<<1,1,0>>]],
  [d(sunrm,B,[]) || B <- [<<128,0,0,2,5,6,7>>,<<0,0,0,2,5,6,7>>,<<255,255,255,255,7>>]],
  [d(line,B,O) || B <- [<<"abc">>,<<"abc\n">>,<<"abcdefgh\nij">>,<<"\n">>,<<"a\0b\nc">>,<<"abcdefgh">>], O <- [[],[{line_length,5}],[{line_length,0}],[{line_length,8}],[{line_length,9}],[{packet_size,5}],[{line_delimiter,0}],[{line_delimiter,$c}],[{line_delimiter,256}],[{line_length,-1}],[foo],[{packet_size,3},{line_length,5}]]],
  [d(raw,B,O) || B <- [<<"abc">>,<<>>,abc,[1],<<1:3>>], O <- [[],[{packet_size,1}],foo]],
  [d(T,B,[]) || T <- [http,http_bin], B <- [<<"GET / HTTP/1.0\r\nabc">>,<<"GET / HTTP/1.0\n">>,<<"GET / HTTP/1.0">>,<<"GET /\r\n">>,<<"GET\r\n">>,<<"PATCH /a?b=c HTTP/1.1\r\n">>,<<"CONNECT a.b:80 HTTP/1.1\r\n">>,<<"FOO * HTTP/2.0\r\n">>,<<"OPTIONS * HTTP/1.1\r\n">>,<<"GET http://host HTTP/1.1\r\n">>,<<"GET http://host/ HTTP/1.1\r\n">>,<<"GET http://host:80/x/y HTTP/1.1\r\n">>,<<"GET https://host:/x HTTP/1.1\r\n">>,<<"GET http://host:ab/x HTTP/1.1\r\n">>,<<"GET http:///x HTTP/1.1\r\n">>,<<"GET ftp://h/x HTTP/1.1\r\n">>,<<"GET mailto:abc HTTP/1.1\r\n">>,<<"GET abc HTTP/1.1\r\n">>,<<"GET  /  HTTP/1.1  \r\n">>,<<"GET / HTTP/1\r\n">>,<<"GET / HTTP/1.\r\n">>,<<"GET / HTTP/.1\r\n">>,<<"GET / HTTP/11.22\r\n">>,<<"GET / HTTP/1.1x\r\n">>,<<"GET / http/1.1\r\n">>,<<"GET / FOO/1.1\r\n">>,<<"get / HTTP/1.1\r\n">>,<<"G(T / HTTP/1.1\r\n">>,<<"GET\t/\tHTTP/1.1\r\n">>,<<"\r\n">>,<<"\n">>,<<"\r\nGET / HTTP/1.1\r\n">>,<<" \r\n">>,<<" GET / HTTP/1.1\r\n">>,<<"HTTP/1.0 200 OK\r\n">>,<<"HTTP/1.1 404 Not Found \r\nx">>,<<"HTTP/1.1 200\r\n">>,<<"HTTP/1.1 200 \r\n">>,<<"HTTP/1.1\r\n">>,<<"HTTP/1.1 abc def\r\n">>,<<"HTTP/1.1 20x OK\r\n">>,<<"HTTP/x.1 200 OK\r\n">>,<<"HTTP/1.x 200 OK\r\n">>,<<"HTTP/1.1  200  OK\r\n">>,<<"HTTP/1.1 -5 OK\r\n">>,<<"http/1.1 200 OK\r\n">>,<<"HTTPS/1.1 200 OK\r\n">>,<<"GET / HTTP/1.1\r\n foo\r\n">>,<<"a">>,<<"\r">>,<<>>,<<0,1,2,10>>,<<"GET http://ho%20st/p?q#f HTTP/1.1\r\n">>,<<"GET /a b HTTP/1.1\r\n">>,<<"HTTP/1.1 99999999999 OK\r\n">>,<<"GET / HTTP/99999999999.1\r\n">>,<<"GET http:// HTTP/1.1\r\n">>,<<"GET http:/ HTTP/1.1\r\n">>,<<"GET http:x HTTP/1.1\r\n">>,<<"GET :x HTTP/1.1\r\n">>,<<"GET HTTP://Host/ HTTP/1.1\r\n">>,<<"GET http://host:99999999999999999999/ HTTP/1.1\r\n">>,<<"GET http://[::1]:80/ HTTP/1.1\r\n">>,<<"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n">>,<<"GET http://host?q HTTP/1.1\r\n">>,<<"GET http://host:8?q HTTP/1.1\r\n">>,<<"DELETE / HTTP/1.1\r\n">>,<<"TRACE / HTTP/1.1\r\n">>,<<"HEAD / HTTP/1.1\r\n">>,<<"PUT / HTTP/1.1\r\n">>,<<"POST / HTTP/1.1\r\n">>]],
  [d(T,B,[]) || T <- [httph,httph_bin], B <- [<<"\r\n">>,<<"\n">>,<<"\r\nabc">>,<<"Host: x\r\n">>,<<"Host: x\r\n\r\n">>,<<"host:x\r\ny">>,<<"HOST :  x  \r\ny">>,<<"Foo-bar-BAZ: qux\r\ny">>,<<"foo: a\r\n b\r\n\tc\r\nd">>,<<"foo: a\n b\nx">>,<<"noColon\r\nx">>,<<": v\r\nx">>,<<"a:\r\nx">>,<<"a: \r\nx">>,<<"a b: c\r\nx">>,<<"content-TYPE: text/html\r\nx">>,<<"abcdefghijklmnopqrstuvwxyz: 1\r\nx">>,<<"abcdefghij-klmnopqrs: 1\r\nx">>,<<"abcdefghij-klmnopqrst: 1\r\nx">>,<<"abcdefghij-klmnopqrstu: 1\r\nx">>,<<"a(b): c\r\nx">>,<<" a: c\r\nx">>,<<"a: c">>,<<"a: c\r">>,<<"a: c\r\n">>,<<"a: c\r\r\nx">>,<<"a\t: c\r\nx">>,<<"A--b: c\r\nx">>,<<"1a-2b: c\r\nx">>,<<"x: \"a\r\n b\"\r\n\r\n">>,<<"a: \x{e9}\r\nx">>,<<"a:  b\t \r\n\tc \r\nx">>,<<"GET / HTTP/1.1\r\nx">>]],
  [d(httph,list_to_binary([N,": v\r\nx"]),[]) || N <- ["Cache-Control","Connection","Date","Pragma","Transfer-Encoding","Upgrade","Via","Accept","Accept-Charset","Accept-Encoding","Accept-Language","Authorization","From","Host","If-Modified-Since","If-Match","If-None-Match","If-Range","If-Unmodified-Since","Max-Forwards","Proxy-Authorization","Range","Referer","User-Agent","Age","Location","Proxy-Authenticate","Public","Retry-After","Server","Vary","Warning","Www-Authenticate","Allow","Content-Base","Content-Encoding","Content-Language","Content-Length","Content-Location","Content-Md5","Content-Range","Content-Type","Etag","Expires","Last-Modified","Accept-Ranges","Set-Cookie","Set-Cookie2","X-Forwarded-For","Cookie","Keep-Alive","Proxy-Connection","Trailer","Te","Expect","Www-Authenticate","ETag","Content-MD5","Origin","Upgrade-Insecure-Requests","Dnt"]],
  [d(T,B,O) || T <- [http,httph], B <- [<<"GET /aaaaaaaaaaaaaa HTTP/1.1\r\nx">>,<<"Foo: aaaaaaaaaaaaaaaa\r\nx">>,<<"Foo: aaaaaaaaaaaaaaaa">>], O <- [[{packet_size,5}],[{packet_size,100}],[{line_length,5}],[{line_length,100}],[{line_length,26}],[{line_length,25}],[{packet_size,22}],[{packet_size,23}],[{packet_size,24}]]],
  [d(ssl_tls,B,O) || B <- [<<22,3,1,0,3,1,2,3,4>>,<<22,3,1,0,3,1>>,<<22,3,1,0>>,<<22,3,1,0,0>>,<<128,5,1,3,0,9,9,9>>,<<16#80,16#2e,1,0,2,0,21,0,0,0,16,1,2>>,<<25,1,2,0,1,7>>,<<255,3,1,0,1,7>>,<<0,0,0,0,1,7>>,<<22,3,3,255,255,1,2,3>>,<<128,3,1,0,2,7,8>>], O <- [[],[{packet_size,2}]]].

http() ->
  [d(httph,list_to_binary([lists:duplicate(N,$a),": v\r\nx"]),[]) || N <- [19,20,21,48,49,50,51,52,60]],
  [d(httph,list_to_binary([lists:duplicate(N,$a),"-B-",lists:duplicate(N,$C),": v\r\nx"]),[]) || N <- [8,9,23,24,25]],
  [d(http,B,[]) || B <- [<<"GET \r\n">>,<<"GET  \r\n">>,<<"GET /  \r\n">>,<<"GET / HTTP/1.1 foo\r\n">>,<<"GET / HTTP/1.1\r\r\n">>,<<"GET / HTTP/1.1\n\r\n">>,<<"G\x80T / HTTP/1.1\r\n">>,<<"GE,T / HTTP/1.1\r\n">>,<<"GE{T / HTTP/1.1\r\n">>,<<"GE~T / HTTP/1.1\r\n">>,<<"GE!#$%&'*+-.^_`|T / HTTP/1.1\r\n">>,<<"GE\x7fT / HTTP/1.1\r\n">>,<<"GET /\x01\x80 HTTP/1.1\r\n">>,<<"GET a:b:c HTTP/1.1\r\n">>,<<"GET ** HTTP/1.1\r\n">>,<<"GET *: HTTP/1.1\r\n">>,<<"GET // HTTP/1.1\r\n">>,<<"GET http://a:0/ HTTP/1.1\r\n">>,<<"GET http://a:4294967295/ HTTP/1.1\r\n">>,<<"GET http://a:-1/ HTTP/1.1\r\n">>,<<"GET http://a:08080 HTTP/1.1\r\n">>,<<"GET https:// HTTP/1.1\r\n">>,<<"GET httpx://a/ HTTP/1.1\r\n">>,<<"HTTP/1.1\t200\tOK\r\n">>,<<"HTTP/11.1 200 OK\r\n">>,<<"HTTP/1.11 200 OK\r\n">>,<<"HTTP/1.1 4294967295 OK\r\n">>,<<"HTTP/1.1 2000\r\n">>,<<"HTTP/1.1 200 OK\n">>,<<"HTTP/1.1 200 O\rK\r\n">>,<<"HTTP/1.1 200  \t OK\r\n">>,<<"HTTP/1.1x 200 OK\r\n">>,<<"HTTP/ 200 OK\r\n">>,<<"HTTP/1.1 \r\n">>,<<"HTTP /1.1\r\n">>,<<"HTTP/1.1 200OK\r\n">>,<<"GET /\tHTTP/1.1\r\n">>,<<"GET\r/ HTTP/1.1\r\n">>,<<"GET /\rx HTTP/1.1\r\n">>,<<"\t\r\n">>,<<" GET\r\n">>,<<"GET / HTTP/1.1\r\n\r\n">>,<<"GET / HTTP/-1.1\r\n">>,<<"GET / HTTP/1.-1\r\n">>, <<"GET / HTTP/1 .1\r\n">>,<<"GET / HTTP/1. 1\r\n">>,<<"GET / HTTP\r\n">>,<<"GET / HTTP/\r\n">>]],
  [d(httph,B,[]) || B <- [<<"\n\n">>,<<"\r">>,<<"\r\r\n">>,<<" \r\nx">>,<<"\t\nx">>,<<"a:b:c\r\nx">>,<<"a:\tb\r\nx">>,<<"a: b\nx">>,<<"a: b\n\nx">>,<<"a:\r\n b\r\nx">>,<<"a:\n \nx">>,<<"a: b\r\n \r\nx">>,<<"a: b\r\n \r\n">>,<<"a:b\r\n ">>,<<"a,b: c\r\nx">>,<<"a\x80: c\r\nx">>,<<"-a: c\r\nx">>,<<"a-: c\r\nx">>,<<"a---b-c: c\r\nx">>,<<"a_b.c: c\r\nx">>,<<"A\0: c\r\nx">>,<<"a: \0\r\nx">>,<<"aB-cD9e: 1\r\nx">>,<<"\r\n x">>,<<"\n x">>,<<" \r\n x\r\ny">>,<<"a:\0b\r\nx">>]].

edges() ->
  [d(T,B,[]) || T <- [4,sunrm], B <- [<<16#7f,16#ff,16#ff,16#fb>>,<<16#7f,16#ff,16#ff,16#fc>>,<<16#7f,16#ff,16#ff,16#ff>>,<<16#80,0,0,0>>,<<16#ff,16#ff,16#ff,16#fb>>,<<16#ff,16#ff,16#ff,16#fc>>]],
  [d(asn1,<<16#30,16#84,L:32>>,[]) || L <- [16#7ffffff8,16#7ffffff9,16#7ffffffa,16#7fffffff]],
  [d(cdr,<<"GIOP",1,0,0,0,L:32>>,[]) || L <- [16#7ffffff3,16#7ffffff4,16#7fffffff]],
  [d(asn1,B,[]) || B <- [<<16#1f>>,<<16#1f,16#80>>,<<16#1f,16#80,16#80>>,<<16#1f,0>>,<<16#30,16#81>>,<<16#30,16#82,1>>,<<16#30,16#83,0,0,1,9>>,<<16#30,16#83,0,0>>,<<16#1f,1,16#81,1,9>>,<<0,0,1>>,<<0,0>>,<<0,16#80,1>>]],
  [d(fcgi,B,[]) || B <- [<<1,1,0,1,255,255,255,0>>,<<1,0,0,0,0,0,0,0>>,<<1,1,0,1,0,2,0,0,1>>]],
  [d(T,B,[{packet_size,S}]) || {T,B} <- [{cdr,<<"GIOP",1,0,0,0,0,0,0,2,1,2,3>>},{fcgi,<<1,1,0,1,0,2,1,0,1,2,3,4>>},{tpkt,<<3,0,0,7,1,2,3,4>>},{ssl_tls,<<22,3,1,0,3,1,2,3>>},{ssl_tls,<<128,5,1,3,0,9,9,9>>}], S <- [1,2,3,4,5,8,13,14,15]],
  [d(ssl_tls,B,[]) || B <- [<<128>>,<<128,3>>,<<128,3,1>>,<<128,3,1,0>>,<<128,3,1,0,2>>,<<128,3,2,0,2,7,8>>,<<192,3,1,0,2,7,8>>,<<128,0,1,3,0>>,<<22,3,1,0,1>>,<<22,3>>,<<20,3,1,0,1,1>>,<<128,3,1,3,1>>,<<129,0,1,3,1>>,<<24,200,1,0,0,0>>,<<254,253,1,0,0,0>>]],
  [d(line,B,O) || B <- [<<"abc\nd">>], O <- [[{packet_size,(1 bsl 31)-1}],[{line_length,2},{line_length,3}],[{foo,1}],[{packet_size,a}],[{packet_size,-1}],[{line_delimiter,-1}],[{line_delimiter,255}],[{line_delimiter,a}],[{packet_size,1 bsl 32}],[{packet_size,1 bsl 31}],[{packet_size,(1 bsl 32) - 1}]]],
  [d(line,B,[{packet_size,S},{line_length,L}]) || B <- [<<"aaaa\nx">>,<<"aaaa">>], S <- [2,4,5], L <- [2,4,5,6]],
  io:format("bits~n"),
  R = <<0:1,"GET / HTTP/1.1\r\nabc">>, <<_:1,U/bitstring>> = R, d(http,U,[]), 
  <<_:1,L1/bitstring>> = <<0:1,2,1,2,3>>, d(1,L1,[]), 
  d(line,<<0:3>>,[]),
  d(1,<<2,1,2,1:3>>,[]),
  d(http_bin,U,[]),
  d(line,list_to_binary([lists:duplicate(300,$a),"\n"]),[]).

%% Bytes that look like packets, cut anywhere.
random(0, _) -> ok;
random(N, S0) ->
    {I, S1} = rand:uniform_s(10, S0),
    Type = element(I, {1, 2, 4, asn1, sunrm, cdr, fcgi, tpkt, http, ssl_tls}),
    {Len, S2} = rand:uniform_s(24, S1),
    {Bytes, S3} = bytes(Len, S2, []),
    Head = case Type of
               cdr -> <<"GIOP">>;
               http -> <<"GET /">>;
               fcgi -> <<1>>;
               tpkt -> <<3, 0, 0>>;
               _ -> <<>>
           end,
    d(Type, <<Head/binary, (list_to_binary(Bytes))/binary>>, []),
    random(N - 1, S3).

bytes(0, S, Acc) -> {Acc, S};
bytes(N, S0, Acc) ->
    {K, S1} = rand:uniform_s(8, S0),
    B = element(K, {0, 1, 2, 31, 128, 129, 10, 32}),
    bytes(N - 1, S1, [B | Acc]).
