"""An order that any account with cash may place, for checks that need one."""

from seatrial.checks.registry import CheckContext
from seatrial.errors import TargetFailure
from seatrial.target.records import Leg, OrderRequest

#: Cash that one such order may tie up.
AFFORDABLE = 20_000.0


async def order_to_sell_a_put(context: CheckContext) -> OrderRequest:
    """Sell one listed put at its bid: the cheapest two-sided one out of the money that is worth something.

    Raises
    ------
    TargetFailure
        No chain has such a put.
    """
    found: list[tuple[float, str, float]] = []
    for symbol in context.target.symbols:
        chain = await context.target.chain(symbol)
        found += [
            (contract.strike, contract.symbol, contract.bid)
            for contract in chain.contracts
            if contract.right == "put"
            and contract.bid is not None
            and contract.bid >= 0.05
            and contract.strike < chain.spot
            and contract.strike * 100 <= AFFORDABLE
        ]
    if not found:
        raise TargetFailure(f"no put with a bid and a strike under {AFFORDABLE / 100:.0f} in any chain", kind="value")
    _, symbol, bid = min(found)
    return OrderRequest(legs=(Leg(symbol=symbol, quantity=-1),), limit_price=bid, effect="credit")
