-module(on_load_nested_aux).
-export([value/0]).
-on_load(start/0).
start() ->
    persistent_term:put(on_load_nested,
                        {on_load_inner_aux:value(), erlang:module_loaded(?MODULE),
                         is_list(code:lib_dir(stdlib)), lists:reverse("abc")}),
    ok.
value() -> persistent_term:get(on_load_nested).
