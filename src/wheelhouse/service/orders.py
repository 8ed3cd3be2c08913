"""Routes for orders: sent under an idempotency key, previewed, listed, cancelled."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import MediaType, Response, delete, get, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from wheelhouse.advisor.requests import InFlight, KeyReused, OrderRequest
from wheelhouse.ledger.orders import Effect, Order, OrderStatus, OrderType, Reason, TimeInForce
from wheelhouse.service.account_shapes import (
    FillOut,
    LegOut,
    MarginChangeOut,
    OrderIn,
    OrderOut,
    OrdersOut,
    OrderStatusName,
    PreviewOut,
    ReasonOut,
)
from wheelhouse.service.auth import ROLE_OPTION
from wheelhouse.service.context import Injected
from wheelhouse.service.keys import Role
from wheelhouse.service.paging import DEFAULT_LIMIT, Cursor, Limit, page
from wheelhouse.service.problems import ProblemError
from wheelhouse.service.shapes import decimal_of, number, required

_encoder = msgspec.json.Encoder()


@post("/v1/accounts/{account_id:str}/orders", summary="Send an order", tags=["orders"])
async def post_order(
    account_id: FromPath[str],
    data: JSONBody[OrderIn],
    services: Injected,
    key: Annotated[
        str | None,
        HeaderParameter(name="Idempotency-Key", description="required; the same key and body get the same answer"),
    ] = None,
) -> Response[OrderOut]:
    """Take an order and answer once it is committed; a business refusal is a rejected order."""
    if not key:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "the header Idempotency-Key is missing; send a new one with each new order"
        )
    try:
        answer = await services.blocking(
            services.advisor.orders.submit, account_id, _request(data), key=key, render=_rendered
        )
    except KeyReused as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
    except InFlight as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error), headers={"Retry-After": "1"}) from error
    # The bytes are the JSON of an OrderOut already, as they were stored with the order.
    return Response(answer.body, status_code=answer.status, media_type=MediaType.JSON)  # type: ignore[arg-type]


@post(
    "/v1/accounts/{account_id:str}/orders/preview",
    status_code=HTTPStatus.OK,
    summary="What an order would do",
    tags=["orders"],
    opt={ROLE_OPTION: Role.READER},
)
async def preview_order(account_id: FromPath[str], data: JSONBody[OrderIn], services: Injected) -> PreviewOut:
    """Say what an order would do; write nothing."""
    preview = await services.blocking(services.advisor.orders.preview, account_id, _request(data))
    change = preview.margin_change
    return PreviewOut(
        accepted=preview.accepted,
        reasons=[_reason(item) for item in preview.reasons],
        estimated_fill=number(preview.estimated_fill),
        fees=required(preview.fees),
        cash_change=number(preview.cash_change),
        margin_change=MarginChangeOut(
            initial=None if change is None else number(change.initial),
            maintenance=None if change is None else number(change.maintenance),
        ),
        buying_power_after=number(preview.buying_power_after),
    )


@get("/v1/accounts/{account_id:str}/orders", summary="List orders", tags=["orders"])
async def list_orders(
    account_id: FromPath[str],
    services: Injected,
    status: FromQuery[OrderStatusName | None] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> OrdersOut:
    """List an account's orders, oldest first."""
    wanted = None if status is None else OrderStatus(status)
    orders, following = page(services.advisor.orders.orders(account_id, wanted), limit=limit, cursor=cursor)
    return OrdersOut(orders=[render(order) for order in orders], next_cursor=following)


@get("/v1/accounts/{account_id:str}/orders/{order_id:str}", summary="An order", tags=["orders"])
async def get_order(account_id: FromPath[str], order_id: FromPath[str], services: Injected) -> OrderOut:
    """Give an order as it is now."""
    return render(services.advisor.orders.order(account_id, order_id))


@delete(
    "/v1/accounts/{account_id:str}/orders/{order_id:str}",
    status_code=HTTPStatus.OK,
    summary="Cancel an order",
    tags=["orders"],
)
async def cancel_order(account_id: FromPath[str], order_id: FromPath[str], services: Injected) -> OrderOut:
    """Withdraw what remains of a working order; 409 if it is final already."""
    return render(await services.blocking(services.advisor.orders.cancel, account_id, order_id))


ROUTES = [post_order, preview_order, list_orders, get_order, cancel_order]


def render(order: Order) -> OrderOut:
    """An order as the API shows it."""
    return OrderOut(
        id=order.id,
        status=order.status.value,
        created_at=order.created_at,
        legs=[LegOut(symbol=leg.symbol, quantity=leg.quantity) for leg in order.legs],
        type=order.type.value,
        limit_price=number(order.limit_price),
        effect=None if order.effect is None else order.effect.value,
        time_in_force=order.time_in_force.value,
        fills=[
            FillOut(
                id=fill.id,
                ts=fill.ts,
                symbol=fill.symbol,
                quantity=fill.quantity,
                price=required(fill.price),
                fee=required(fill.fee),
            )
            for fill in order.fills
        ],
        reasons=[_reason(item) for item in order.reasons],
    )


def _rendered(order: Order) -> bytes:
    return _encoder.encode(render(order))


def _reason(reason: Reason) -> ReasonOut:
    return ReasonOut(code=reason.code, detail=reason.detail)


def _request(data: OrderIn) -> OrderRequest:
    return OrderRequest(
        legs=tuple((leg.symbol, leg.quantity) for leg in data.legs),
        type=OrderType(data.type),
        limit_price=None if data.limit_price is None else decimal_of(data.limit_price),
        effect=None if data.effect is None else Effect(data.effect),
        time_in_force=TimeInForce(data.time_in_force),
    )
