%% shop: the Erlang half of two_ways.c. host:price/1 and host:stock/1 are functions in C.
-module(shop).
-export([total/1, order/2]).

total(Items) -> lists:sum([N * host:price(Item) || {Item, N} <- Items]).

%% Asks the host, which answers later, and tells it what was decided.
order(Clerk, Item) ->
    Answer =
        try host:stock(Item) of
            0 -> sold_out;
            N -> {left, N - 1}
        catch
            error:Reason -> {no_answer, Reason}
        end,
    Clerk ! {order, Item, Answer},
    ok.
