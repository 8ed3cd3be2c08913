"""Routes for accounts: opening and reading them, their ledger, reported facts, and the kill switch."""

from http import HTTPStatus
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from wheelhouse.advisor.accounts import Book
from wheelhouse.advisor.valuation import PositionValue
from wheelhouse.ledger.events import EventKind, LedgerEvent
from wheelhouse.ledger.external import ExternalEvent
from wheelhouse.market.instruments import AccountKind, Position, normalize_symbol
from wheelhouse.service.account_shapes import (
    AccountIn,
    AccountOut,
    AccountsOut,
    DeliverableOut,
    EventOut,
    EventRejectionOut,
    EventsIn,
    EventsOut,
    HaltOut,
    LedgerOut,
    PositionOut,
    ReportedIn,
)
from wheelhouse.service.context import Injected, Services
from wheelhouse.service.paging import DEFAULT_LIMIT, Cursor, Limit, page
from wheelhouse.service.shapes import decimal_of, number, required, utc

_EVENTS_LIMIT = 1000


@post("/v1/accounts", summary="Open an account", tags=["accounts"])
async def create_account(data: JSONBody[AccountIn], services: Injected) -> AccountOut:
    """Open an account with cash and positions; its opening cash is the first event of its ledger."""
    positions = [
        Position(
            symbol=normalize_symbol(item.symbol),
            quantity=item.quantity,
            cost_basis=None if item.cost_basis is None else decimal_of(item.cost_basis),
        )
        for item in data.positions
    ]
    book = await services.blocking(
        services.advisor.accounts.create,
        name=data.name,
        kind=AccountKind(data.kind),
        cash=decimal_of(data.cash),
        positions=positions,
    )
    return render(services, book)


@get("/v1/accounts", summary="List accounts", tags=["accounts"])
async def list_accounts(services: Injected, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> AccountsOut:
    """List accounts, oldest first."""
    books, following = page(services.advisor.accounts.all(), limit=limit, cursor=cursor)
    return AccountsOut(accounts=[render(services, book) for book in books], next_cursor=following)


@get("/v1/accounts/{account_id:str}", summary="An account at market", tags=["accounts"])
async def get_account(account_id: FromPath[str], services: Injected) -> AccountOut:
    """Give an account at the latest market."""
    return render(services, services.advisor.accounts.get(account_id))


@get("/v1/accounts/{account_id:str}/ledger", summary="Events of an account", tags=["accounts"])
async def get_ledger(
    account_id: FromPath[str],
    services: Injected,
    after_sequence: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Limit = _EVENTS_LIMIT,
) -> LedgerOut:
    """Give events after a sequence, in order."""
    services.advisor.accounts.get(account_id)
    events = await services.blocking(services.advisor.store.events, account_id, after_sequence, limit + 1)
    shown = events[:limit]
    return LedgerOut(
        events=[_event(event) for event in shown],
        next_after_sequence=shown[-1].sequence if len(events) > limit else None,
    )


@post(
    "/v1/accounts/{account_id:str}/events", status_code=HTTPStatus.OK, summary="Report facts to book", tags=["accounts"]
)
async def post_events(account_id: FromPath[str], data: JSONBody[EventsIn], services: Injected) -> EventsOut:
    """Book what somebody else reports, each fact once under its own name."""
    facts = [_fact(item) for item in data.events]
    done = await services.blocking(services.advisor.accounts.report, account_id, facts)
    rejections = [
        EventRejectionOut(index=index, external_id=facts[index].external_id, detail=detail)
        for index, detail in done.rejections
    ]
    return EventsOut(applied=done.applied, duplicates=done.duplicates, rejections=rejections)


@post("/v1/accounts/{account_id:str}/halt", status_code=HTTPStatus.OK, summary="Halt an account", tags=["halt"])
async def halt_account(account_id: FromPath[str], services: Injected) -> HaltOut:
    """Refuse the account's orders from now on, also after a restart."""
    await services.blocking(services.advisor.accounts.set_halted, account_id, halted=True)
    return HaltOut(halted=True)


@post("/v1/accounts/{account_id:str}/resume", status_code=HTTPStatus.OK, summary="Resume an account", tags=["halt"])
async def resume_account(account_id: FromPath[str], services: Injected) -> HaltOut:
    """Take the account's orders again; a halt of all accounts stays."""
    accounts = services.advisor.accounts
    await services.blocking(accounts.set_halted, account_id, halted=False)
    return HaltOut(halted=accounts.is_halted(accounts.get(account_id)))


@post("/v1/halt", status_code=HTTPStatus.OK, summary="Halt all accounts", tags=["halt"])
async def halt_all(services: Injected) -> HaltOut:
    """Refuse all orders from now on, also after a restart."""
    await services.blocking(services.advisor.accounts.set_halted, None, halted=True)
    return HaltOut(halted=True)


@post("/v1/resume", status_code=HTTPStatus.OK, summary="Resume all accounts", tags=["halt"])
async def resume_all(services: Injected) -> HaltOut:
    """Release the switch of all accounts; an account's own switch stays."""
    await services.blocking(services.advisor.accounts.set_halted, None, halted=False)
    return HaltOut(halted=False)


ROUTES = [
    create_account,
    list_accounts,
    get_account,
    get_ledger,
    post_events,
    halt_account,
    resume_account,
    halt_all,
    resume_all,
]


def render(services: Services, book: Book) -> AccountOut:
    """An account as the API shows it."""
    value = services.advisor.appraiser.account(book, services.advisor.clock.now())
    return AccountOut(
        id=book.id,
        name=book.record.name,
        kind=book.kind.value,
        as_of=value.as_of,
        cash=required(value.cash),
        equity=number(value.equity),
        liquidation_equity=number(value.liquidation_equity),
        buying_power=number(value.buying_power),
        reserved=required(value.reserved),
        halted=services.advisor.accounts.is_halted(book),
        positions=[_position(position) for position in value.positions],
    )


def _position(position: PositionValue) -> PositionOut:
    deliverable = position.deliverable
    return PositionOut(
        symbol=position.symbol,
        quantity=position.quantity,
        mark=number(position.mark),
        market_value=number(position.market_value),
        tax_basis=number(position.tax_basis),
        campaign_basis=number(position.campaign_basis),
        deliverable=None
        if deliverable is None
        else DeliverableOut(shares=dict(deliverable.shares), cash=float(deliverable.cash)),
        delta=position.delta,
        unrealized=number(position.unrealized),
        flags=position.flags,
    )


def _event(event: LedgerEvent) -> EventOut:
    return EventOut(
        sequence=event.sequence,
        id=event.id,
        ts=event.ts,
        kind=event.kind.value,
        symbol=event.symbol,
        quantity=event.quantity,
        price=number(event.price),
        cash=required(event.cash),
        order_id=event.order_id,
        external_id=event.external_id,
    )


def _fact(item: ReportedIn) -> ExternalEvent:
    return ExternalEvent(
        external_id=item.external_id,
        ts=utc(item.ts, pointer="ts"),
        kind=EventKind(item.kind),
        symbol=None if item.symbol is None else normalize_symbol(item.symbol),
        quantity=item.quantity,
        amount=None if item.amount is None else decimal_of(item.amount),
    )
