"""Data integrity: bad data stays out, and a repeated request does nothing twice."""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from seatrial.checks.orders import order_to_sell_a_put
from seatrial.checks.registry import CheckContext, Finding, check
from seatrial.target.protocol import OWN_SYMBOLS, foreign_symbols
from seatrial.target.records import Quote

#: Quoted where the market data of the target's own symbols is not to be touched.
NEW_SYMBOL = f"{OWN_SYMBOLS}TRIAL"


@check(
    "data_integrity.validation_rules",
    "Crossed, negative, future and unknown quotes are turned away",
    critical=True,
    weight=2.0,
    needs=("market", "operations"),
    saboteurs=("credulous",),
    remediation="Validate every record before it is stored, and put what fails into quarantine with its rule.",
)
async def validation_rules(context: CheckContext) -> Finding:
    """Each defect alone in a batch with a good quote: the bad one is rejected, the good one is not."""
    target = context.target
    foreign = foreign_symbols(target, disposable=context.disposable)
    symbol = NEW_SYMBOL if foreign else target.symbols[0]
    now = (await target.about()).now
    spot = 100.0 if foreign else (await target.market(symbol)).spot or 100.0
    good = Quote(symbol=symbol, ts=now, bid=round(spot - 0.01, 2), ask=round(spot + 0.01, 2))
    defects = {
        "crossed": replace(good, bid=round(spot + 1, 2), ask=round(spot - 1, 2)),
        "negative": replace(good, bid=-1.0),
        "from the future": replace(good, ts=now + timedelta(hours=2)),
        "malformed symbol": replace(good, symbol="AAPL  13X316P00400000"),
    }
    let_in: list[str] = []
    for number, (name, bad) in enumerate(defects.items()):
        fresh = replace(good, ts=now - timedelta(milliseconds=10 * (number + 1)))
        result = await target.push_quotes([bad, fresh])
        if [rejection.index for rejection in result.rejections] != [0]:
            let_in.append(f"{name} (accepted {result.accepted}, rejected {result.rejected})")
            continue
        shown = await target.market(symbol)
        if (shown.bid, shown.ask) == (bad.bid, bad.ask) != (good.bid, good.ask) or _is_after(shown.as_of, now):
            let_in.append(f"{name} (rejected, and shown as {shown.bid} x {shown.ask} of {shown.as_of})")
    if let_in:
        return Finding(
            score=1 - len(let_in) / len(defects),
            evidence=f"{len(let_in)} of {len(defects)} were let in: {'; '.join(let_in)}",
        )
    return Finding(score=1.0, evidence=f"{len(defects)} kinds of bad quote rejected: {', '.join(defects)}")


def _is_after(as_of: datetime | None, now: datetime) -> bool:
    return as_of is not None and as_of > now + timedelta(hours=1)


@check(
    "data_integrity.idempotent_orders",
    "A repeated order request is one order",
    critical=True,
    blocker=True,
    weight=2.0,
    needs=("trading", "books", "market"),
    saboteurs=("doubled_order",),
    remediation="Store the idempotency key with the order in one transaction, and answer a repetition from what is stored.",
)
async def idempotent_orders(context: CheckContext) -> Finding:
    """The same key and body three times."""
    target = context.target
    account = await target.create_account(context.account_name("idempotent"), cash=100_000.0)
    request = await order_to_sell_a_put(context)
    key = str(uuid.uuid4())
    answers = [await target.submit_order(account.id, request, idempotency_key=key) for _ in range(3)]
    kept = await target.orders(account.id)
    distinct = len({order.id for order in answers})
    evidence = f"three requests with one key: {distinct} order id(s) answered, {len(kept)} order(s) kept"
    return Finding(score=1.0 if distinct == len(kept) == 1 else 0.0, evidence=evidence)
