%% What is swept: the modules whose specifications are used, which of their functions are left out
%% and why, types that are made by calls, and functions without a specification.
-module(sweep_plan).
-export([modules/0, calls/3, type/3, functions/0]).

modules() ->
    [lists, maps, string, binary, base64, calendar, dict, gb_trees, gb_sets, ordsets, orddict, queue,
     proplists, sets, array, uri_string, filename, erl_anno, erl_internal, erl_bits, io_lib, unicode,
     unicode_util, sofs, math, erlang, rand, io_lib_pretty, io_lib_format, otp_internal, inet_parse,
     erl_posix_msg].

%% Functions that are not called: they change the machine, wait, depend on time or place, or answer
%% with internals. (erlang: only what is named is called.)
calls(erlang, F, A) -> lists:member({F, A}, erlang_pure());
calls(rand, bytes_s, _) -> false;
calls(rand, F, _) -> not lists:member(F, [seed58, seed, seed_s, uniform, uniform_real, normal, bytes, jump, export_seed,
                                          exro928_seed, splitmix64_next, mwc59_seed, mwc59, shuffle]);
calls(calendar, F, _) ->
    not lists:member(F, [local_time, universal_time, now_to_local_time, local_time_to_universal_time,
                         local_time_to_universal_time_dst, universal_time_to_local_time,
                         system_time_to_local_time]);
calls(filename, F, _) -> not lists:member(F, [absname, basedir, find_src, find_file, safe_relative_path]);
calls(lists, F, A) -> not lists:member({F, A}, [{seq, 3}, {zf, 2}]);
calls(base64, F, _) -> F =/= mime_decode_to_string_test;
calls(io_lib, F, _) -> not lists:member(F, [fread]);
calls(io_lib_pretty, F, A) -> {F, A} =/= {print, 0};
calls(io_lib_format, F, _) -> lists:member(F, [fwrite_g, iolist_to_chars]);
calls(maps, F, _) -> not lists:member(F, [iterator, next]);
calls(string, F, A) -> {F, A} =/= {list_to_float, 0};
calls(array, F, _) -> F =/= new;
calls(re, F, _) -> lists:member(F, [none]);
calls(otp_internal, F, _) -> F =:= obsolete;
calls(inet_parse, F, _) -> lists:member(F, [ipv4_address, ipv6_address, ipv4strict_address,
                                           ipv6strict_address, address, strict_address, domain, visible_string,
                                           ntoa, split_line, dots]);
calls(sofs, F, _) -> not lists:member(F, [sweep]);
calls(binary, referenced_byte_size, _) -> false;
calls(_, F, _) -> not lists:member(F, [module_info, test]).

erlang_pure() ->
    [{F, A} || {F, As} <-
        [{abs, [1]}, {adler32, [1, 2]}, {adler32_combine, [3]}, {append_element, [2]},
         {atom_to_binary, [1, 2]}, {atom_to_list, [1]}, {binary_part, [2, 3]}, {binary_to_float, [1]},
         {binary_to_integer, [1, 2]}, {binary_to_list, [1, 3]}, {binary_to_term, [1, 2]}, {bit_size, [1]},
         {bitstring_to_list, [1]}, {byte_size, [1]}, {ceil, [1]}, {crc32, [1, 2]}, {crc32_combine, [3]},
         {delete_element, [2]}, {element, [2]}, {error, [1, 2]}, {exit, [1]}, {external_size, [1, 2]},
         {float, [1]}, {float_to_binary, [1, 2]}, {float_to_list, [1, 2]}, {floor, [1]},
         {fun_info, [2]}, {function_exported, [3]}, {hd, [1]}, {insert_element, [3]},
         {integer_to_binary, [1, 2]}, {integer_to_list, [1, 2]}, {iolist_size, [1]},
         {iolist_to_binary, [1]}, {iolist_to_iovec, [1]}, {is_atom, [1]}, {is_binary, [1]}, {is_bitstring, [1]},
         {is_boolean, [1]}, {is_builtin, [3]}, {is_float, [1]}, {is_function, [1, 2]}, {is_integer, [1]},
         {is_list, [1]}, {is_map, [1]}, {is_map_key, [2]}, {is_number, [1]}, {is_pid, [1]}, {is_port, [1]},
         {is_record, [2, 3]}, {is_reference, [1]}, {is_tuple, [1]}, {length, [1]}, {list_to_atom, [1]},
         {list_to_binary, [1]}, {list_to_bitstring, [1]}, {list_to_float, [1]},
         {list_to_integer, [1, 2]}, {list_to_pid, [1]}, {list_to_port, [1]}, {list_to_ref, [1]},
         {list_to_tuple, [1]}, {make_tuple, [2, 3]}, {map_get, [2]}, {map_size, [1]}, {max, [2]}, {md5, [1]},
         {min, [2]}, {phash, [2]}, {phash2, [1, 2]}, {pid_to_list, [1]}, {port_to_list, [1]}, {raise, [3]},
         {ref_to_list, [1]}, {round, [1]}, {setelement, [3]}, {size, [1]}, {split_binary, [2]}, {subtract, [2]},
         {term_to_binary, [1, 2]}, {term_to_iovec, [1, 2]}, {throw, [1]}, {tl, [1]}, {trunc, [1]},
         {tuple_size, [1]}, {tuple_to_list, [1]}, {binary_to_atom, [1, 2]},
         {append, [2]}, {apply, [2, 3]}, {convert_time_unit, [3]}, {node, [1]}, {make_fun, [3]},
         {fun_to_list, [1]}, {match_spec_test, [3]},
         {is_process_alive, [1]}, {decode_packet, [3]}, {split_binary, [2]}, {setnode, [4]}],
     A <- As, {F, A} =/= {apply, 2}, {F, A} =/= {apply, 3}, F =/= setnode, F =/= fun_to_list, F =/= is_process_alive, F =/= match_spec_test,
     F =/= binary_to_term, F =/= decode_packet].

%% Types that a literal cannot give, or that the specification states too widely.
type(dict, dict, As) -> {do, dict, from_list, [pairs(As)]};
type(gb_trees, tree, As) -> {do, gb_trees, from_orddict, [{do, orddict, from_list, [pairs(As)]}]};
type(gb_trees, iter, As) -> {do, gb_trees, iterator, [type(gb_trees, tree, As)]};
type(gb_trees, iterator, As) -> type(gb_trees, iter, As);
type(gb_sets, set, As) -> {do, gb_sets, from_list, [elements(As)]};
type(gb_sets, iter, As) -> {do, gb_sets, iterator, [type(gb_sets, set, As)]};
type(ordsets, ordset, As) -> {do, ordsets, from_list, [elements(As)]};
type(orddict, orddict, As) -> {do, orddict, from_list, [pairs(As)]};
type(sets, set, As) ->
    {union, [{do, sets, from_list, [elements(As)]},
             %% A map: more than 32 elements are in an order of each machine's own.
             {do, sets, from_list, [{short, 32, elements(As)}, {lit, [{version, 2}]}]}]};
type(queue, queue, As) -> {union, [{do, queue, from_list, [elements(As)]},
                                   {do, queue, join, [{do, queue, from_list, [elements(As)]},
                                                      {do, queue, from_list, [elements(As)]}]}]};
type(array, array, As) -> {do, array, from_list, [elements(As)]};
type(array, array_indx, _) -> {union, [small, small, count]};
type(maps, iterator, As) -> {do, maps, iterator, [{map, [{map_field_assoc, hd(As ++ [any]), any}]}]};
type(sofs, T, _) when T =:= anyset; T =:= a_set -> {custom, a_set};
type(sofs, T, _) when T =:= binary_relation; T =:= relation; T =:= a_function -> {custom, relation};
type(sofs, T, _) when T =:= family; T =:= ordset -> {custom, family};
type(sofs, T, _) when T =:= set_of_sets -> {custom, set_of_sets};
type(sofs, spec_fun, _) -> {custom, spec_fun};
type(sofs, set_fun, _) -> {custom, set_fun};
type(unicode, T, _) when T =:= chardata; T =:= unicode_chardata; T =:= charlist -> chardata;
type(unicode, T, _) when T =:= unicode_binary -> {custom, utf8};
type(unicode, T, _) when T =:= latin1_chardata; T =:= latin1_charlist -> iodata;
type(unicode, T, _) when T =:= external_chardata; T =:= external_charlist -> {custom, external_chardata};
type(unicode, latin1_string, _) -> latin1;
type(uri_string, uri_string, _) -> {custom, uri};
type(uri_string, uri_map, _) -> {custom, uri_map};
type(uri_string, query_list, _) -> {custom, query_list};
type(io_lib, chars, _) -> chardata;
type(io_lib, format, _) -> {custom, format};
type(io, format, _) -> {custom, format};
type(io_lib, depth, _) -> {union, [{lit, -1}, small]};
type(file, T, _) when T =:= name; T =:= name_all; T =:= filename; T =:= filename_all -> {custom, filename};
type(binary, cp, _) -> {do, binary, compile_pattern, [{custom, bin_pattern}]};
type(rand, state, _) -> {custom, rand_state};
type(rand, exsplus_state, _) -> {custom, exsplus_state};
type(rand, mwc59_state, _) -> {int, 1, 16#1ffb072 bsl 32 - 2};
type(calendar, year, _) -> {union, [{int, 0, 3000}, {int, 1970, 2100}]};
type(calendar, date, _) -> {custom, date};
type(calendar, time, _) -> {custom, time};
type(calendar, T, _) when T =:= datetime; T =:= datetime1970 -> {custom, datetime};
type(calendar, rfc3339_string, _) -> {custom, rfc3339};
type(erl_parse, T, _) when T =:= abstract_expr; T =:= abstract_form -> {custom, expr};
type(proplists, proplist, _) -> {custom, proplist};
type(inet, ip_address, _) -> {custom, ip};
type(erlang, iovec, _) -> {list, binary};
type(erlang, timestamp, _) -> {tuple, [small, count, count]};
type(_, _, _) -> no.

pairs([K, V | _]) -> {list, {tuple, [K, V]}};
pairs(_) -> {list, {tuple, [key, any]}}.
elements([T | _]) -> {list, T};
elements(_) -> {list, any}.

%% Without a specification, or better arguments than it asks for: {Module, Function, Arity, Spec}.
functions() ->
    [{erlang, Op, 2, [{[number, number], any}]} || Op <- ['+', '-', '*', '/']]
    ++ [{erlang, Op, 2, [{[integer, integer], any}]} || Op <- ['div', 'rem', 'band', 'bor', 'bxor']]
    ++ [{erlang, Op, 2, [{[integer, shift], any}]} || Op <- ['bsl', 'bsr']]
    ++ [{erlang, Op, 2, [{[any, any], any}, {[number, number], any}, {[anymap, anymap], any}]}
        || Op <- ['==', '/=', '=:=', '=/=', '<', '>', '=<', '>=']]
    ++ [{erlang, Op, 2, [{[{list, key}, {list, key}], any}]} || Op <- ['++', '--']]
    ++ [{erlang, Op, 2, [{[boolean, boolean], any}]} || Op <- ['and', 'or', 'xor']]
    ++ [{erlang, Op, 1, [{[T], any}]} || {Op, T} <- [{'+', number}, {'-', number}, {'bnot', integer},
                                                      {'not', boolean}]]
    ++ [{erlang, F, 2, exact([key, anymap])} || F <- [is_map_key, map_get]]
    ++ [{erlang, phash2, 1, exact([hashable])}, {erlang, phash2, 2, [{[hashable, pos_integer], any}]},
        {erlang, phash, 2, [{[hashable, pos_integer], any}]},
        {erlang, make_tuple, 2, [{[count, any], any}]},
        {erlang, make_tuple, 3, [{[small, any, {list, {tuple, [small, any]}}], any}]},
        {erlang, setelement, 3, [{[small, tuple, any], any}]},
        {erlang, element, 2, [{[small, tuple], any}]},
        {erlang, insert_element, 3, [{[small, tuple, any], any}]},
        {erlang, delete_element, 2, [{[small, tuple], any}]},
        {erlang, list_to_integer, 1, [{[{custom, int_text}], any}]},
        {erlang, list_to_integer, 2, {custom, int_base}},
        {erlang, binary_to_integer, 1, [{[{do, erlang, list_to_binary, [{custom, int_text}]}], any}]},
        {erlang, binary_to_integer, 2, {custom, int_base_binary}},
        {erlang, integer_to_list, 2, [{[integer, base], any}]},
        {erlang, integer_to_binary, 2, [{[integer, base], any}]},
        {erlang, list_to_float, 1, [{[{custom, float_text}], any}]},
        {erlang, binary_to_float, 1, [{[{do, erlang, list_to_binary, [{custom, float_text}]}], any}]},
        {erlang, float_to_list, 2, [{[float, {custom, float_options}], any}]},
        {erlang, float_to_binary, 2, [{[float, {custom, float_options}], any}]},
        {erlang, list_to_pid, 1, [{[{custom, pid_text}], any}]},
        {erlang, list_to_ref, 1, [{[{custom, pid_text}], any}]},
        {erlang, list_to_port, 1, [{[{custom, pid_text}], any}]},
        {erlang, term_to_binary, 1, exact([any])},
        {erlang, term_to_binary, 2, exact([any, {custom, t2b_options}])},
        {erlang, term_to_iovec, 1, exact([any])},
        {erlang, term_to_iovec, 2, exact([any, {custom, t2b_options}])},
        {erlang, external_size, 2, exact([any, {custom, t2b_options}])},
        {io_lib_pretty, print, 4, exact([any, {int, 1, 40}, {int, 10, 120}, {int, -1, 30}])},
        {io_lib_pretty, print, 5, exact([any, {int, 1, 40}, {int, 10, 120}, {int, -1, 30}, {fn, 2, {lit, no}}])},
        {io_lib_pretty, print, 6, exact([any, {int, 1, 40}, {int, 10, 120}, {int, -1, 30}, {int, -1, 90}, {fn, 2, {lit, no}}])},
        {erlang, external_size, 1, exact([any])},
        {erlang, binary_to_term, 1, [{[{custom, etf}], any}]},
        {erlang, binary_to_term, 2, [{[{custom, etf}, {custom, b2t_options}], any}]},
        {rand, bytes_s, 2, [{[count, {custom, rand_state}], any}]},
        {erlang, decode_packet, 3, exact([{custom, packet_type}, {custom, packet}, {custom, packet_options}])},
        {erlang, list_to_existing_atom, 1, [{[{custom, known_atom_text}], any}]},
        {erlang, binary_to_existing_atom, 1, [{[{do, erlang, list_to_binary, [{custom, known_atom_text}]}], any}]},
        {erlang, list_to_atom, 1, [{[{custom, atom_text}], any}]},
        {erlang, binary_to_atom, 1, [{[{do, unicode, characters_to_binary, [{custom, atom_text}]}], any}]},
        {erlang, binary_part, 2, [{[binary, {tuple, [small, {int, -5, 5}]}], any}]},
        {erlang, binary_part, 3, [{[binary, small, {int, -5, 5}], any}]},
        {erlang, binary_to_list, 3, [{[binary, small, small], any}]},
        {erlang, split_binary, 2, [{[binary, small], any}]},
        {erlang, fun_info, 2, [{[{fn, 2, any}, {custom, fun_item}], any}]},
        {erlang, crc32_combine, 3, [{[count, count, count], any}]},
        {erlang, adler32_combine, 3, [{[count, count, count], any}]},
        {erlang, raise, 3, [{[{custom, class}, any, {custom, stack}], any}]},
        {sweep_prop, apply_fun, 2, [{[{fn, 2, any}, {list, any}], any}, {[any, {list, any}], any}]},
        {sweep_prop, apply_mfa, 3, [{[{lit, lists}, {custom, lists_name}, {list, {list, small}}], any}]},
        {lists, seq, 2, [{[{int, -20, 20}, {int, -20, 40}], any}]},
        {lists, seq, 3, [{[{int, -20, 20}, {int, -20, 40}, {int, -5, 5}], any}]},
        {lists, duplicate, 2, [{[count, any], any}]},
        {lists, nth, 2, [{[small, {list, any}], any}]}, {lists, nthtail, 2, [{[small, {list, any}], any}]},
        {lists, split, 2, [{[small, {list, any}], any}]}, {lists, sublist, 3, [{[small, {list, any}, small], any}]},
        {lists, keyfind, 3, [{[key, small, {custom, tuples}], any}]},
        {lists, keymember, 3, [{[key, small, {custom, tuples}], any}]},
        {lists, keysearch, 3, [{[key, small, {custom, tuples}], any}]},
        {lists, keysort, 2, [{[small, {custom, tuples}], any}]},
        {lists, ukeysort, 2, [{[small, {custom, tuples}], any}]},
        {lists, rkeymerge, 3, [{[small, {custom, tuples}, {custom, tuples}], any}]},
        {lists, keydelete, 3, [{[key, small, {custom, tuples}], any}]},
        {lists, keyreplace, 4, [{[key, small, {custom, tuples}, {tuple, [key, any]}], any}]},
        {lists, keystore, 4, [{[key, small, {custom, tuples}, {tuple, [key, any]}], any}]},
        {lists, keytake, 3, [{[key, small, {custom, tuples}], any}]},
        {maps, get, 2, [{[key, anymap], any}]}, {maps, find, 2, [{[key, anymap], any}]},
        {maps, put, 3, [{[key, any, anymap], any}]}, {maps, update, 3, [{[key, any, anymap], any}]},
        {maps, remove, 2, [{[key, anymap], any}]}, {maps, take, 2, [{[key, anymap], any}]},
        {maps, merge, 2, [{[anymap, anymap], any}]}, {maps, with, 2, [{[{list, key}, anymap], any}]},
        {maps, without, 2, [{[{list, key}, anymap], any}]}, {maps, intersect, 2, [{[anymap, anymap], any}]},
        {maps, from_list, 1, [{[{list, {tuple, [key, any]}}], any}]},
        {maps, map, 2, [{[{fn, 2, any}, map], any}, {[{tfn, 2, any}, anymap], any}]},
        {maps, filter, 2, [{[{fn, 2, boolean}, map], any}, {[{tfn, 2, boolean}, anymap], any}]},
        {string, chars, 2, [{[char, count], any}]}, {string, chars, 3, [{[char, count, string], any}]},
        {string, copies, 2, [{[chardata, count], any}]},
        {string, pad, 2, [{[chardata, count], any}]}, {string, pad, 3, [{[chardata, count, {custom, pad_dir}], any}]},
        {string, pad, 4, [{[chardata, count, {custom, pad_dir}, char], any}]},
        {string, left, 2, [{[string, count], any}]}, {string, right, 2, [{[string, count], any}]},
        {string, left, 3, [{[string, count, char], any}]}, {string, right, 3, [{[string, count, char], any}]},
        {string, centre, 2, [{[string, count], any}]}, {string, centre, 3, [{[string, count, char], any}]},
        {string, slice, 2, [{[chardata, small], any}]}, {string, slice, 3, [{[chardata, small, count], any}]},
        {string, to_integer, 1, [{[{custom, int_text}], any}]}, {string, to_float, 1, [{[{custom, float_text}], any}]},
        {string, list_to_integer, 1, [{[{custom, int_text}], any}]},
        {string, list_to_float, 1, [{[{custom, float_text}], any}]},
        {binary, copy, 2, [{[binary, count], any}]}, {binary, encode_unsigned, 1, [{[non_neg_integer], any}]},
        {binary, match, 2, [{[binary, {custom, bin_pattern}], any}]},
        {binary, matches, 2, [{[binary, {custom, bin_pattern}], any}]},
        {binary, match, 3, [{[binary, {custom, bin_pattern}, {custom, scope}], any}]},
        {binary, matches, 3, [{[binary, {custom, bin_pattern}, {custom, scope}], any}]},
        {binary, split, 2, [{[binary, {custom, bin_pattern}], any}]},
        {binary, split, 3, [{[binary, {custom, bin_pattern}, {custom, split_options}], any}]},
        {binary, replace, 3, [{[binary, {custom, bin_pattern}, binary], any}]},
        {binary, replace, 4, [{[binary, {custom, bin_pattern}, binary, {custom, replace_options}], any}]},
        {binary, part, 2, [{[binary, {tuple, [small, {int, -5, 5}]}], any}]},
        {binary, part, 3, [{[binary, small, {int, -5, 5}], any}]},
        {binary, at, 2, [{[binary, small], any}]},
        {binary, bin_to_list, 2, [{[binary, {tuple, [small, {int, -5, 5}]}], any}]},
        {binary, bin_to_list, 3, [{[binary, small, {int, -5, 5}], any}]},
        {base64, decode, 1, [{[{custom, base64}], any}]}, {base64, mime_decode, 1, [{[{custom, base64}], any}]},
        {base64, decode_to_string, 1, [{[{custom, base64}], any}]},
        {base64, mime_decode_to_string, 1, [{[{custom, base64}], any}]},
        {array, new, 0, [{[], any}]}, {array, new, 1, [{[{custom, array_options}], any}]},
        {array, new, 2, [{[small, {custom, array_options}], any}]},
        {io_lib, format, 2, {custom, format_args}}, {io_lib, format, 3, {custom, format_args_limit}},
        {io_lib, fwrite, 2, {custom, format_args}}, {io_lib, fread, 2, {custom, fread_args}},
        {io_lib, print, 1, exact([any])}, {io_lib, print, 4, [{[any, small, {int, 10, 90}, small], any}]},
        {io_lib, indentation, 2, [{[string, small], any}]},
        {io_lib_pretty, print, 1, exact([any])},
        {io_lib_pretty, print, 2, [{[any, {custom, pretty_options}], any}]},
        {uri_string, resolve, 2, [{[{custom, uri}, {custom, uri}], any}]},
        {uri_string, compose_query, 1, [{[{custom, query_list}], any}]},
        {re, run, 2, [{[{custom, re_subject}, {custom, regex}], any}]},
        {re, run, 3, [{[{custom, re_subject}, {custom, regex}, {custom, re_options}], any}]},
        {re, replace, 3, [{[{custom, re_subject}, {custom, regex}, {custom, re_replacement}], any}]},
        {re, replace, 4, [{[{custom, re_subject}, {custom, regex}, {custom, re_replacement}, {custom, re_replace_options}], any}]},
        {re, split, 2, [{[{custom, re_subject}, {custom, regex}], any}]},
        {re, split, 3, [{[{custom, re_subject}, {custom, regex}, {custom, re_split_options}], any}]},
        {filename, absname, 2, [{[{custom, filename}, {custom, absolute}], any}]},
        {filename, absname_join, 2, [{[{custom, absolute}, {custom, filename}], any}]},
        {erl_scan, string, 1, exact([{custom, source}])},
        {erl_scan, string, 3, exact([{custom, source}, small, {custom, scan_options}])},
        {erl_scan, reserved_word, 1, [{[atom], any}]},
        {sweep_prop, tokens, 4, exact([{lit, []}, {custom, source}, small, {custom, scan_options}])},
        {sweep_prop, parse_exprs, 1, exact([{custom, source}])},
        {sweep_prop, parse_form, 1, exact([{custom, form_source}])},
        {sweep_prop, pp_exprs, 1, exact([{custom, good_source}])},
        {sweep_prop, pp_form, 1, exact([{custom, form_source}])},
        {sweep_prop, lint, 1, exact([{custom, module_source}])},
        {sweep_prop, eval, 1, exact([{custom, good_source}])},
        {sweep_prop, compile, 1, exact([{custom, module_source}])},
        {sweep_prop, expand, 1, exact([{custom, module_source}])},
        {erl_parse, abstract, 1, [{[any], any}]},
        {sweep_prop, normalise, 1, exact([any])},
        {sweep_prop, unicode_forms, 1, [{[chardata], any}]},
        {sweep_prop, transform, 1, exact([{custom, fun_source}])},
        {sweep_prop, rand_alg, 3, exact([{custom, rand_algorithm}, integer, {int, 1, 50}])},
        {sweep_prop, maps_model, 1, exact([{custom, map_ops}])},
        {sweep_prop, collisions, 1, exact([integer])},
        {sweep_prop, ets_model, 2, exact([{custom, ets_options}, {custom, ets_ops}])},
        {sweep_prop, digraph_model, 2, exact([{custom, digraph_options}, {custom, digraph_ops}])},
        {sweep_prop, integers, 3, exact([integer, integer, integer])},
        {sweep_prop, bases, 1, exact([integer])},
        {sweep_prop, floats, 1, exact([float])},
        {sweep_prop, compare, 3, exact([number, number, number])},
        {sweep_prop, sorting, 1, exact([{list, key}])},
        {sweep_prop, sorting_mixed, 1, exact([{list, any}])},
        {sweep_prop, external, 1, exact([any])},
        {sweep_prop, hostile, 2, exact([any, {list, {tuple, [count, byte]}}])},
        {sweep_prop, atomics_model, 2, exact([{custom, atomics_options}, {custom, atomics_ops}])},
        {sweep_prop, counters_model, 1, exact([{custom, atomics_ops}])},
        {sweep_prop, match_spec, 2, exact([{custom, ms_object}, {custom, match_spec}])},
        {ets, test_ms, 2, [{[{custom, ms_object}, {custom, match_spec}], any}]},
        {ets, is_compiled_ms, 1, [{[any], any}]},
        {erlang, match_spec_test, 3, [{[{custom, ms_trace_args}, {custom, match_spec}, {lit, trace}], any},
                                      {[{custom, ms_object}, {custom, match_spec}, {lit, table}], any}]},
        {sweep_prop, big_terms, 1, exact([integer])}].

exact(Ts) -> {exact, Ts}.
