"""Stress: what users at once, and arrivals that do not wait, do to the system."""

import asyncio

from seatrial.errors import TargetFailure
from seatrial.load.stage import Operation
from seatrial.scenarios.context import ProductionContext, ScenarioContext, Watched
from seatrial.target.protocol import TradingSystem
from seatrial.target.records import Account

OPENING_CASH = 250_000.0


class StressTesting:
    """Scenarios of category ``stress_testing``; subclass it in a test file, or run it as it is."""

    async def test_concurrent_recommendations(
        self, advisor: TradingSystem, production_context: ProductionContext
    ) -> None:
        """Users who each wait for their answer, then arrivals that do not; the latter are judged."""
        async with production_context("Concurrent Recommendations") as ctx:
            ctx.need("books", "advice")
            plan, families = ctx.plan("concurrent_recommendations"), ctx.plan("user_family")
            accounts = await open_accounts(ctx, advisor, max(families.users), purpose="stress")
            ask = asking_for_advice(advisor, accounts)
            for users, operations in zip(families.users, families.operations, strict=True):
                ctx.show_load(await ctx.closed_loop(f"{users}_users", ask, users=users, operations_per_user=operations))
            used = Watched()
            arrivals = await ctx.open_loop("arrivals", ask, plan, watched=used)
            ctx.judge_load(arrivals)
            ctx.judge_resources(used, guard=arrivals.guard)


async def open_accounts(
    ctx: ScenarioContext, advisor: TradingSystem, count: int, *, purpose: str
) -> tuple[Account, ...]:
    """Open an account for each user."""
    opened = [advisor.create_account(ctx.account_name(purpose), cash=OPENING_CASH) for _ in range(count)]
    return tuple(await asyncio.gather(*opened))


def asking_for_advice(advisor: TradingSystem, accounts: tuple[Account, ...]) -> Operation:
    """An operation: the next account asks for advice about the next symbol, and gets some."""

    async def ask(number: int) -> None:
        account = accounts[number % len(accounts)]
        symbol = advisor.symbols[(number // len(accounts)) % len(advisor.symbols)]
        advice = await advisor.recommendations(account.id, symbol)
        require_advice(advice.data.state, len(advice.recommendations), symbol)

    return ask


def require_advice(state: str, pieces: int, symbol: str) -> None:
    """A fast answer without advice, or on data that is not fresh, is a wrong answer."""
    if state != "fresh" or pieces == 0:
        raise TargetFailure(f"advice about {symbol}: {pieces} pieces on {state} data", kind="value")
