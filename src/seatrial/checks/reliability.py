"""Reliability: what was acknowledged is there after a crash, and an error is called one."""

import uuid

from seatrial.checks.books import books_gap
from seatrial.checks.orders import order_to_sell_a_put
from seatrial.checks.registry import CheckContext, Finding, InDoubt, check
from seatrial.errors import TargetFailure
from seatrial.target.protocol import Control

#: What a request about something unknown may be answered with; 401 or 429 would say nothing about the symbol.
REFUSALS = (400, 404, 422)
#: A symbol that no market knows.
UNKNOWN = "ZSNONE"


@check(
    "reliability.survives_kill",
    "An acknowledged order survives SIGKILL",
    critical=True,
    blocker=True,
    weight=2.0,
    needs=("control", "trading", "books", "market"),
    breaks=True,
    saboteurs=("dropped_order", "forgetful"),
    remediation="Commit an order and its ledger events in one durable transaction before it is acknowledged.",
)
async def survives_kill(context: CheckContext) -> Finding:
    """Submit, kill, restart, and look for the order, its events and the cash."""
    target = context.target
    assert isinstance(target, Control)
    account = await target.create_account(context.account_name("kill"), cash=100_000.0)
    acknowledged = [
        await target.submit_order(account.id, await order_to_sell_a_put(context), idempotency_key=str(uuid.uuid4()))
        for _ in range(3)
    ]
    refused = [order for order in acknowledged if order.status == "rejected"]
    if refused:
        raise InDoubt(
            f"{len(refused)} of {len(acknowledged)} orders were refused, so little could be lost: {refused[0].reasons}"
        )
    await target.kill()
    await target.restart()
    kept = [order.id for order in await target.orders(account.id)]
    events = await target.ledger(account.id)
    gap = books_gap(await target.account(account.id), events)
    lost = [order.id for order in acknowledged if kept.count(order.id) != 1]
    booked = {event.order_id for event in events if event.kind == "fill"}
    unbooked = [order.id for order in acknowledged if order.fills and order.id not in booked]
    if lost or unbooked or gap >= 0.005:
        return Finding(
            score=0.0,
            evidence=f"of {len(acknowledged)} acknowledged orders {len(lost)} are not there exactly once and {len(unbooked)} have "
            f"no fill in the ledger; {gap:.2f} of cash and positions are not explained by it",
        )
    return Finding(
        score=1.0,
        evidence=f"{len(acknowledged)} acknowledged orders and {len(events)} ledger events were there after SIGKILL and restart, "
        "and explain cash and positions",
    )


@check(
    "reliability.errors_are_errors",
    "Advice about an unknown symbol is an error, never HOLD",
    critical=True,
    needs=("advice", "books"),
    saboteurs=("error_as_hold",),
    remediation="Let an internal error or a missing datum reach the caller as such; advice to hold is advice.",
)
async def errors_are_errors(context: CheckContext) -> Finding:
    """Ask for what cannot be known."""
    account = await context.target.create_account(context.account_name("unknown"), cash=100_000.0)
    try:
        advice = await context.target.recommendations(account.id, UNKNOWN)
    except TargetFailure as failure:
        if failure.status in REFUSALS:
            return Finding(score=1.0, evidence=f"advice about {UNKNOWN} is refused with status {failure.status}")
        raise
    actions = sorted({piece.action for piece in advice.recommendations})
    honest = advice.data.state == "missing" and set(actions) <= {"wait"}
    evidence = f"advice about {UNKNOWN}: {', '.join(actions) or 'none'}, data {advice.data.state}"
    return Finding(score=1.0 if honest else 0.0, evidence=evidence)
