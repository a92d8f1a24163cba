{application, tally,
 [{description, "Counts what it is told"},
  {vsn, "1.0"},
  {modules, [tally, tally_store, tally_host]},
  {registered, [tally_sup, tally_store]},
  {applications, [kernel, stdlib]},
  {env, [{fruits, [apple, pear]}]},
  {mod, {tally, []}}]}.
