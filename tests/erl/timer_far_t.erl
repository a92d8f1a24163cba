%% Timers as far away as there is time, and beyond; none of them fires.
-module(timer_far_t).
-export([main/1]).

main(_) ->
    Start = erlang:system_info(start_time), End = erlang:system_info(end_time),
    StartMs = erlang:convert_time_unit(Start, native, millisecond),
    EndMs = erlang:convert_time_unit(End, native, millisecond),
    Left = fun() -> EndMs - erlang:monotonic_time(millisecond) end,
    io:format("~w~n", [{(End - Start) div (1 bsl 58), End > erlang:monotonic_time()}]),
    [io:format("~w ~w~n", [T, starts(fun() -> T end, false)])
     || T <- [-(1 bsl 70), -(1 bsl 63), -1, 1 bsl 31, 1 bsl 32, 1 bsl 40, 18446744073709, 1 bsl 59,
              1 bsl 60, 1 bsl 62, 1 bsl 63 - 1, 1 bsl 63, 1 bsl 64, 1 bsl 70, a, 1.0, infinity]],
    [io:format("~w ~w~n", [D, in_time(Left, fun() -> starts(fun() -> Left() + D end, false) end)])
     || D <- [-100000, -10000, -5000, -1000, 1000, 5000, 100000]],
    [io:format("~w ~w~n", [D, starts(fun() -> EndMs + D end, true)])
     || D <- [-100000, -1000, -1, 0, 1, 2, 1000, 100000]],
    [io:format("~w ~w~n", [D, starts(fun() -> StartMs + D end, true)]) || D <- [-100000, -1000, -1]],
    [io:format("~w~n", [starts(fun() -> T end, true)])
     || T <- [-(1 bsl 70), -(1 bsl 63), 1 bsl 59, 1 bsl 62, 1 bsl 63 - 1, 1 bsl 63, 1 bsl 64, 1 bsl 70, a]],
    %% What is past fires at once.
    [io:format("~w~n", [begin erlang:start_timer(StartMs + D, self(), D, [{abs, true}]),
                              receive {timeout, _, D} -> fired end end]) || D <- [0, 1, 2]],
    Rs = [erlang:start_timer(EndMs - D, self(), far, [{abs, true}]) || D <- lists:seq(0, 10)] ++
         in_time(Left, fun() -> [erlang:start_timer(Left() - D, self(), far) || D <- lists:seq(1000, 1010)] end),
    receive M -> io:format("~w~n", [M]) after 50 -> io:format("quiet~n") end,
    io:format("~w~n", [lists:all(fun(R) -> erlang:cancel_timer(R) > 1 bsl 42 end, Rs)]).

%% What F says of times measured from now holds when little time passed meanwhile: else once more.
in_time(Left, F) ->
    Before = Left(),
    R = try F() catch error:E -> E end,
    case Before - Left() of
        Passed when Passed < 500 -> R;
        _ -> in_time(Left, F)
    end.

starts(T, Abs) ->
    [try F(T(), self(), x, [{abs, Abs}]) of
         R -> is_integer(erlang:cancel_timer(R))
     catch
         error:E -> E
     end || F <- [fun erlang:start_timer/4, fun erlang:send_after/4]].
