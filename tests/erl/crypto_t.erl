%% Debian's unmodified NIF libraries of crypto and asn1 load and do their work.
%% only: uv
-module(crypto_t).
-export([main/1]).

main(_) ->
    hashes(),
    ciphers(),
    keys(),
    errors(),
    ber(),
    many().

show(What, Value) -> io:format("~p: ~0tp~n", [What, Value]).
catch_(F) ->
    try F()
    catch
        C:R:S -> {C, R, hd(S)}
    end.

hashes() ->
    show(supported, lists:sort(crypto:supports(hashs))),
    [show(Type, crypto:hash(Type, <<"abc">>)) || Type <- [md5, sha, sha256, sha512, sha3_256, blake2b]],
    show(iolist, crypto:hash(md5, ["a", <<"bc">>])),
    show(large, crypto:hash(sha512, binary:copy(<<"x">>, 3000000))), % in pieces
    S = crypto:hash_update(crypto:hash_init(sha), <<"ab">>),
    show(steps, [crypto:hash_final(crypto:hash_update(S, T)) || T <- [<<"c">>, <<"d">>]]),
    show(mac, crypto:mac(hmac, sha256, <<"key">>, <<"data">>)),
    show(cmac, crypto:mac(cmac, aes_128_cbc, <<0:128>>, <<"data">>)),
    show(pbkdf2, crypto:pbkdf2_hmac(sha256, <<"pw">>, <<"salt">>, 10, 16)).

ciphers() ->
    Key = <<1:128>>, IV = <<2:128>>, Text = binary:copy(<<"sixteen bytes!!!">>, 10),
    [begin
         C = crypto:crypto_one_time(Cipher, Key, IV, Text, true),
         show(Cipher, {erlang:phash2(C), crypto:crypto_one_time(Cipher, Key, IV, C, false) =:= Text})
     end || Cipher <- [aes_128_cbc, aes_128_ctr, aes_128_cfb128]],
    {C, Tag} = crypto:crypto_one_time_aead(aes_128_gcm, Key, <<3:96>>, Text, <<"aad">>, true),
    show(gcm, {erlang:phash2(C), Tag,
               crypto:crypto_one_time_aead(aes_128_gcm, Key, <<3:96>>, C, <<"aad">>, Tag, false) =:= Text,
               crypto:crypto_one_time_aead(aes_128_gcm, Key, <<3:96>>, C, <<"other">>, Tag, false)}),
    St = crypto:crypto_init(aes_128_ctr, Key, IV, true),
    show(stream, [crypto:crypto_update(St, T) || T <- ["hello", <<" ">>, "world"]]).

keys() ->
    {Pub, Priv} = crypto:generate_key(ecdh, secp256r1),
    {Pub2, Priv2} = crypto:generate_key(ecdh, secp256r1),
    show(ecdh, crypto:compute_key(ecdh, Pub2, Priv, secp256r1) =:=
             crypto:compute_key(ecdh, Pub, Priv2, secp256r1)),
    Sig = crypto:sign(ecdsa, sha256, <<"m">>, [Priv, secp256r1]),
    show(ecdsa, [crypto:verify(ecdsa, sha256, M, Sig, [Pub, secp256r1]) || M <- [<<"m">>, <<"n">>]]),
    {[E, N], RsaPriv} = crypto:generate_key(rsa, {1024, 65537}),
    Enc = crypto:public_encrypt(rsa, <<"secret">>, [E, N], rsa_pkcs1_padding),
    show(rsa, crypto:private_decrypt(rsa, Enc, RsaPriv, rsa_pkcs1_padding)),
    show(random, [byte_size(crypto:strong_rand_bytes(I)) || I <- [0, 1, 64, 65, 100000]]),
    crypto:rand_seed(),
    show(rand, is_float(rand:uniform())).

errors() ->
    show(error, catch_(fun() -> crypto:hash(nosuch, <<>>) end)),
    show(error, catch_(fun() -> crypto:hash(sha, foo) end)),
    show(error, catch_(fun() -> crypto:crypto_one_time(aes_128_cbc, <<0:12>>, <<1:128>>, <<"x">>, true) end)),
    show(error, catch_(fun() -> crypto:crypto_one_time(aes_128_cbc, <<0:128>>, <<1>>, <<"x">>, true) end)),
    show(error, catch_(fun() -> crypto:mac(hmac, sha256, key, <<"data">>) end)).

ber() ->
    Nested = lists:foldl(fun(I, T) -> {I, [T, {4, <<I:800>>}]} end, {2, <<1>>}, lists:seq(16, 40)),
    [begin
         Bin = asn1rt_nif:encode_ber_tlv(T),
         show(ber, {erlang:phash2(Bin), asn1rt_nif:decode_ber_tlv(Bin) =:= {T, <<>>}})
     end || T <- [{16, [{2, <<1>>}, {4, <<"abc">>}]}, Nested]],
    show(ber, catch_(fun() -> asn1rt_nif:decode_ber_tlv(<<48, 8, 2, 1, 1, 4, 3, 97, 98>>) end)),
    show(per, catch_(fun() -> asn1rt_nif:encode_per_complete([<<1, 2, 3>>, [10, 0]]) end)).

%% Contexts of many processes, most of them left to the collector.
many() ->
    Pids = [spawn_monitor(fun() ->
        exit(lists:foldl(fun(J, Acc) ->
            Acc + erlang:phash2(crypto:hash_final(crypto:hash_update(crypto:hash_init(sha256), [I, J])))
        end, 0, lists:seq(1, 50)))
    end) || I <- lists:seq(1, 100)],
    show(many, lists:sum([receive {'DOWN', R, _, _, N} -> N end || {_, R} <- Pids])).
