%% only: uv
%% env: TZ=Europe/Berlin
-module(localtime_berlin_t).
-export([main/1]).

main(_) -> localtime_aux:main().
