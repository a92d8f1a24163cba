%% only: uv
%% env: TZ=Asia/Kathmandu
-module(localtime_kathmandu_t).
-export([main/1]).

main(_) -> localtime_aux:main().
