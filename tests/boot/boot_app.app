{application, boot_app,
 [{description, "A test application"}, {vsn, "1"}, {modules, [boot_app]},
  {registered, [boot_app_sup, boot_app_server]}, {applications, [kernel, stdlib]},
  {env, [{greeting, none}]}, {mod, {boot_app, []}}]}.
