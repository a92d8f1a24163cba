%% only: uv
%% env: TZ=Australia/Lord_Howe
-module(localtime_lord_howe_t).
-export([main/1]).

main(_) -> localtime_aux:main().
