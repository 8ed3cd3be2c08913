"""End-to-end workflows: does the whole way from quotes to money work, and does it end with the right figures?"""

import time
import uuid

import numpy as np

from seatrial.checks.books import books_gap, multiplier
from seatrial.errors import TargetFailure
from seatrial.scenarios.context import ProductionContext, ScenarioContext
from seatrial.scenarios.oracle import comparable, compare
from seatrial.target.protocol import TradingSystem
from seatrial.target.records import (
    Account,
    Chain,
    LedgerEvent,
    OpeningPosition,
    Order,
    OrderRequest,
    Recommendation,
    Recommendations,
    Risk,
)
from seatrial.verdict.measurement import Scalar, Unit

OPENING_CASH = 100_000.0
OPENING_SHARES = 100
#: Fewer two-sided contracts than this are no chain to advise on.
FEWEST_PRICED = 20


class EndToEndWorkflows:
    """Scenarios of category ``end_to_end_workflows``; subclass it in a test file, or run it as it is."""

    async def test_complete_trading_workflow(
        self, advisor: TradingSystem, production_context: ProductionContext
    ) -> None:
        """Portfolio, market data, risk, recommendations, order simulation, performance: each step asserted."""
        async with production_context("Complete Trading Workflow") as ctx:
            ctx.need("market", "books", "advice", "trading")
            started = time.perf_counter()
            symbol = advisor.symbols[0]
            async with ctx.step("portfolio setup"):
                market = await advisor.market(symbol)
                ctx.expect(market.spot is not None and market.spot > 0, f"{symbol} has a spot price, not {market.spot}")
                opening = OpeningPosition(symbol=symbol, quantity=OPENING_SHARES, cost_basis=market.spot or 0.0)
                account = await advisor.create_account(
                    ctx.account_name("workflow"), cash=OPENING_CASH, positions=[opening]
                )
                ctx.expect(account.cash == OPENING_CASH, f"opening cash is {OPENING_CASH}, not {account.cash}")
            async with ctx.step("market data"):
                chains = [await self._market_data(ctx, advisor, name) for name in advisor.symbols]
                self._judge_deltas(ctx, chains)
            async with ctx.step("risk calculation"):
                check_risk(ctx, await advisor.risk(account.id), shares=OPENING_SHARES, spot=chains[0].spot)
            async with ctx.step("recommendations"):
                advice = await advisor.recommendations(account.id)
                chosen = check_advice(ctx, advice, chains)
            async with ctx.step("order simulation"):
                order = await self._trade(ctx, advisor, account, chosen)
                after = await advisor.account(account.id)
                ledger = await advisor.ledger(account.id)
                ctx.measure(
                    "ledger_unexplained",
                    Scalar(value=unexplained(account, after, ledger, order), samples=len(ledger)),
                    Unit.USD,
                    detail=f"{len(ledger)} events; order {order.id} {order.status}",
                )
            async with ctx.step("performance report"):
                performance = await advisor.performance(account.id)
                drawdown = performance.max_drawdown
                ctx.expect(drawdown is None or drawdown <= 0, f"max drawdown is not positive, got {drawdown}")
            ctx.measure("duration_seconds", Scalar(value=time.perf_counter() - started), Unit.SECONDS)

    async def _market_data(self, ctx: ScenarioContext, advisor: TradingSystem, symbol: str) -> Chain:
        state = await advisor.market(symbol)
        ctx.expect(state.state == "fresh", f"{symbol} is fresh, not {state.state} ({state.age_seconds} s old)")
        chain = await advisor.chain(symbol)
        priced = comparable(chain)
        ctx.expect(
            len(priced) >= FEWEST_PRICED,
            f"{symbol} has {len(priced)} priced contracts of {len(chain.contracts)}, at least {FEWEST_PRICED}",
        )
        return chain

    def _judge_deltas(self, ctx: ScenarioContext, chains: list[Chain]) -> None:
        errors = np.concatenate([compare(chain).delta_error for chain in chains])
        ctx.measure(
            "delta_error",
            Scalar(value=float(errors.max()) if errors.size else None, samples=errors.size),
            Unit.DELTA,
            detail="largest distance from a binomial tree of our own",
        )

    async def _trade(
        self, ctx: ScenarioContext, advisor: TradingSystem, account: Account, chosen: Recommendation
    ) -> Order:
        request = OrderRequest(legs=chosen.legs, limit_price=chosen.limit_price, effect=chosen.effect)
        preview = await advisor.preview_order(account.id, request)
        ctx.expect(preview.accepted, f"the advised order passes its preview: {preview.reasons}")
        order = await advisor.submit_order(account.id, request, idempotency_key=str(uuid.uuid4()))
        ctx.expect(
            order.status in ("working", "partially_filled", "filled"), f"the order is {order.status}: {order.reasons}"
        )
        listed = await advisor.orders(account.id)
        ctx.expect(order.id in {known.id for known in listed}, f"order {order.id} is among the account's orders")
        return order


def check_risk(ctx: ScenarioContext, risk: Risk, *, shares: int, spot: float) -> None:
    """Risk of an account that holds nothing but shares: what follows from arithmetic must hold."""
    exposure = risk.exposure
    ctx.expect(abs(exposure.delta_shares - shares) < 1e-6, f"{shares} shares have delta {exposure.delta_shares}")
    wanted = shares * spot
    ctx.expect(
        abs(exposure.dollar_delta - wanted) <= 0.02 * wanted,
        f"dollar delta {exposure.dollar_delta}, about {wanted:.2f}",
    )
    told = {
        method: (var, tail)
        for method, values in risk.var.items()
        if (var := values.get("0.95")) is not None and (tail := risk.es.get(method, {}).get("0.95")) is not None
    }
    ctx.expect(bool(told), f"at least one method tells VaR and ES at 95 %, got {dict(risk.var)} and {dict(risk.es)}")
    for method, (var, tail) in told.items():
        ctx.expect(var > 0, f"{method} VaR of shares is a loss over 0, got {var}")
        ctx.expect(tail >= var, f"{method} ES {tail} is at least VaR {var}")
        worse = risk.var[method].get("0.99")
        ctx.expect(worse is None or worse >= var, f"{method} VaR at 99 % {worse} is at least that at 95 % {var}")


def check_advice(ctx: ScenarioContext, advice: Recommendations, chains: list[Chain]) -> Recommendation:
    """Advice must say why, name listed contracts and be executable; returns the first piece that trades."""
    listed = {contract.symbol: contract for chain in chains for contract in chain.contracts}
    ctx.expect(advice.data.state == "fresh", f"advice rests on fresh data, not {advice.data.state}")
    ctx.expect(bool(advice.recommendations), "there is advice")
    for piece in advice.recommendations:
        ctx.expect(bool(piece.reasons), f"{piece.action} {piece.symbol} says why")
        for leg in piece.legs:
            ctx.expect(
                leg.symbol in listed or leg.symbol in {chain.symbol for chain in chains}, f"{leg.symbol} is listed"
            )
    trading = [p for p in advice.recommendations if p.action in ("sell_put", "sell_call") and p.legs]
    if not trading:
        codes = sorted({reason.code for piece in advice.recommendations for reason in piece.reasons})
        raise TargetFailure(
            f"no advice to sell a put or a call with {OPENING_CASH:.0f} USD and shares at hand: {codes}"
        )
    chosen = trading[0]
    leg = chosen.legs[0]
    ctx.expect(leg.symbol in listed, f"{chosen.action} names a listed contract, not {leg.symbol}")
    contract = listed[leg.symbol]
    ctx.expect(
        chosen.action == f"sell_{contract.right}",
        f"{chosen.action} names a contract of its kind, not a {contract.right}",
    )
    ctx.expect(leg.quantity < 0, f"{chosen.action} sells, quantity {leg.quantity}")
    ctx.expect(chosen.effect == "credit", f"{chosen.action} is for a credit, not {chosen.effect}")
    ctx.expect(
        chosen.limit_price is not None and contract.ask is not None and 0 < chosen.limit_price <= contract.ask,
        f"limit {chosen.limit_price} lies in the market {contract.bid} x {contract.ask}",
    )
    return chosen


def unexplained(before: Account, after: Account, ledger: tuple[LedgerEvent, ...], order: Order) -> float:
    """USD that the ledger does not explain: cash beside its events, positions beside theirs, fills without an event.

    A share or contract too many or too few counts as a dollar each, so that nothing hides behind a zero price.
    """
    gap = books_gap(after, ledger)
    booked = {event.order_id for event in ledger if event.kind == "fill"}
    if order.fills and order.id not in booked:
        gap += sum(abs(fill.quantity) for fill in order.fills)
    paid = sum(round(fill.quantity * fill.price * multiplier(fill.symbol) * 100) for fill in order.fills)
    fees = sum(round(fill.fee * 100) for fill in order.fills)
    return gap + abs(round(after.cash - before.cash + (paid + fees) / 100, 2))
