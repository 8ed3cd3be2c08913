"""The replayed account as the strategy and the limits on orders see it: a cash account, every short put secured in full."""

from decimal import Decimal

from wheelhouse.broker.paper import Fees
from wheelhouse.ledger.contracts import contract_of, is_option, multiplier_of
from wheelhouse.ledger.money import ZERO, cents
from wheelhouse.ledger.orders import Order
from wheelhouse.market.instruments import AccountKind, OptionContract
from wheelhouse.replay.books import Books
from wheelhouse.replay.market import Instant, exact
from wheelhouse.risk import limits
from wheelhouse.strategy.views import AccountView, HoldingView


def account_view(books: Books, market: Instant) -> AccountView:
    """See the account at the marks of an instant; an option without a mark counts at 0."""
    holdings = []
    equity = books.state.cash
    market.sample(symbol for symbol in sorted(books.state.positions) if is_option(symbol))
    for symbol, position in sorted(books.state.positions.items()):
        option = is_option(symbol)
        mark = (market.mark(symbol) or ZERO) if option else exact(market.spot(symbol))
        equity += cents(position.quantity * mark * multiplier_of(symbol, books.contracts))
        holdings.append(
            HoldingView(
                symbol=symbol,
                quantity=position.quantity,
                contract=contract_of(symbol, books.contracts) if option else None,
                tax_basis=position.tax_basis,
                campaign_basis=position.campaign_basis,
            )
        )
    return AccountView(
        id=books.state.account_id,
        kind=AccountKind.CASH,
        cash=books.state.cash,
        equity=equity,
        buying_power=books.state.cash - secured(books),
        positions=tuple(holdings),
    )


def secured(books: Books) -> Decimal:
    """USD that all short puts pay if they are assigned."""
    return limits.secured_cash({s: p.quantity for s, p in books.state.positions.items()}, _contracts(books))


def refusals(books: Books, order: Order, fees: Fees) -> tuple[limits.Refusal, ...]:
    """Why the account may not send an order; none if it may."""
    net = order.minimum_net
    multiplier = max(multiplier_of(leg.symbol, books.contracts) for leg in order.legs)
    cost = sum((fees.of_trade(leg.quantity, is_option=leg.is_option) for leg in order.legs), ZERO)
    proposed = limits.ProposedOrder(
        legs=tuple(
            limits.OrderLeg(
                symbol=leg.symbol,
                quantity=leg.quantity,
                contract=contract_of(leg.symbol, books.contracts) if leg.is_option else None,
            )
            for leg in order.legs
        ),
        cash_change=None if net is None else cents(net * multiplier * order.units) - cost,
    )
    standing = limits.AccountStanding(
        kind=AccountKind.CASH,
        cash=books.state.cash,
        positions={symbol: position.quantity for symbol, position in books.state.positions.items()},
        contracts=_contracts(books),
    )
    return limits.refusals(standing, proposed, now=order.created_at)


def _contracts(books: Books) -> dict[str, OptionContract]:
    return {symbol: contract_of(symbol, books.contracts) for symbol in books.state.positions if is_option(symbol)}
