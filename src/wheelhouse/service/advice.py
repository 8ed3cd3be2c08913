"""Routes for advice and the end of the day: recommendations, expirations, performance, risk, ingestions."""

from collections.abc import Sequence
from datetime import date
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from wheelhouse.advisor.end_of_day import AccountDay
from wheelhouse.advisor.ingestion import Ingestion
from wheelhouse.advisor.risk import HORIZON_DAYS, RiskReport
from wheelhouse.ledger.reconciliation import BrokerStatement, StatementPosition
from wheelhouse.market.instruments import normalize_symbol
from wheelhouse.reports.performance import Performance
from wheelhouse.risk.value_at_risk import CONFIDENCES
from wheelhouse.service.account_shapes import LegOut, ReasonOut
from wheelhouse.service.advice_shapes import (
    AssignedOut,
    BegunOut,
    CampaignOut,
    DataOut,
    DayReportOut,
    DifferenceOut,
    EndOfDayIn,
    EndOfDayOut,
    ExpirationOut,
    ExpirationsOut,
    ExposureOut,
    HedgeOut,
    HedgeProposalOut,
    IngestionIn,
    IngestionOut,
    MarginOut,
    PerformanceOut,
    RebalanceOut,
    RebalanceTradeOut,
    RecommendationOut,
    RecommendationRiskOut,
    RecommendationsOut,
    ReconciledOut,
    RiskOut,
    ScenarioOut,
    SettlementOut,
    SizingOut,
    StatementIn,
    StatisticsOut,
)
from wheelhouse.service.context import Injected
from wheelhouse.service.problems import not_in_this_version
from wheelhouse.service.shapes import decimal_of, number, required
from wheelhouse.strategy.advice import Recommendation
from wheelhouse.strategy.hedging import HedgeProposal


@get("/v1/accounts/{account_id:str}/recommendations", summary="What to do now", tags=["advice"])
async def get_recommendations(
    account_id: FromPath[str], services: Injected, symbol: FromQuery[str | None] = None
) -> RecommendationsOut:
    """Advise about one underlying, or about every one, ranked."""
    advice = await services.blocking(services.advisor.advice.recommendations, account_id, symbol)
    return RecommendationsOut(
        as_of=advice.as_of,
        recommendations=[_recommendation(item) for item in advice.recommendations],
        rejections=dict(advice.rejections),
        data=DataOut(state=advice.data.state, age_seconds=advice.data.age_seconds),
    )


@get("/v1/accounts/{account_id:str}/expirations", summary="Open options and their expiries", tags=["advice"])
async def get_expirations(account_id: FromPath[str], services: Injected) -> ExpirationsOut:
    """Say of each open option what to prepare for."""
    found = await services.blocking(services.advisor.advice.expirations, account_id)
    return ExpirationsOut(
        expirations=[
            ExpirationOut(
                symbol=item.symbol,
                last_trading_day=item.last_trading_day,
                quantity=item.quantity,
                moneyness=item.moneyness,
                state=item.state,
                cash_if_assigned=required(item.cash_if_assigned),
                shares_if_assigned=item.shares_if_assigned,
                early_exercise=item.early_exercise,
                action=item.action.value,
                detail=item.detail,
            )
            for item in found
        ]
    )


@get("/v1/accounts/{account_id:str}/performance", summary="How the account did", tags=["advice"])
async def get_performance(account_id: FromPath[str], services: Injected) -> PerformanceOut:
    """Measure the account's daily equities, beside holding the same underlyings."""
    own, benchmark, campaigns = await services.blocking(services.advisor.advice.performance, account_id)
    return PerformanceOut(
        **msgspec.structs.asdict(_statistics(own)),
        benchmark={name: _statistics(held) for name, held in benchmark.items()},
        campaigns=[
            CampaignOut(
                symbol=item.underlying,
                opened_at=item.opened_at,
                closed_at=item.closed_at,
                profit=number(item.profit),
                premium=required(item.premium),
                share_profit=required(item.share_profit),
                dividends=required(item.dividends),
            )
            for item in campaigns
        ],
    )


@get("/v1/accounts/{account_id:str}/risk", summary="Exposure, margin, VaR and ES", tags=["advice"])
async def get_risk(account_id: FromPath[str], services: Injected) -> RiskOut:
    """Measure what the account risks; null where the market or its past does not say."""
    report = await services.blocking(services.advisor.risk.report, account_id)
    return risk_out(report)


@get("/v1/accounts/{account_id:str}/hedge", summary="Hedges and what they leave", tags=["advice"])
async def get_hedge(
    account_id: FromPath[str],
    services: Injected,
    target_delta: Annotated[float, QueryParameter(description="delta to aim at, in shares of the account")] = 0.0,
) -> HedgeOut:
    """Propose hedges within the policy's budget, the least residual shortfall first."""
    found = await services.blocking(services.advisor.planning.hedge, account_id, target_delta)
    return hedge_out(found)


@get("/v1/accounts/{account_id:str}/sizing", summary="How many puts to sell", tags=["advice"])
async def get_sizing(
    account_id: FromPath[str],
    services: Injected,
    symbol: Annotated[str, QueryParameter(description="an underlying, or a put on one")],
) -> SizingOut:
    """Size the sale of a put by a share of Kelly's bet and the caps; 0 is an answer."""
    size = await services.blocking(services.advisor.planning.sizing, account_id, symbol)
    return SizingOut(
        symbol=size.symbol, contracts=size.contracts, kelly=size.kelly, caps=dict(size.caps), binding=size.binding
    )


@get("/v1/accounts/{account_id:str}/rebalance", summary="Trades back to the weights", tags=["advice"])
async def get_rebalance(account_id: FromPath[str], services: Injected) -> RebalanceOut:
    """Bring names beyond the hard band back with the least turnover."""
    found = await services.blocking(services.advisor.planning.rebalance, account_id)
    return RebalanceOut(
        trades=[
            RebalanceTradeOut(
                legs=[LegOut(symbol=leg.symbol, quantity=leg.quantity) for leg in trade.legs], reason=trade.reason
            )
            for trade in found.trades
        ],
        weights_before=dict(found.weights_before),
        weights_after=dict(found.weights_after),
        turnover=found.turnover,
    )


@post("/v1/end-of-day", status_code=HTTPStatus.OK, summary="End a day", tags=["end of day"])
async def post_end_of_day(data: JSONBody[EndOfDayIn], services: Injected) -> EndOfDayOut:
    """Settle, mark, record and reconcile; running it again for the same date changes nothing."""
    statements = [_statement(item) for item in data.broker_statements]
    days = await services.blocking(services.advisor.end_of_day.run, data.date, data.accounts, statements)
    return EndOfDayOut(
        accounts=[_reconciled(item) for item in days], reports=[_report(item, data.date) for item in days]
    )


@post("/v1/ingestions", status_code=HTTPStatus.ACCEPTED, summary="Bring data in", tags=["ingestion"])
async def post_ingestion(data: JSONBody[IngestionIn], services: Injected) -> BegunOut:
    """Queue an ingestion; ask for it until its state is final."""
    if data.source != "sample":
        raise not_in_this_version(f"ingestion from {data.source!r}")
    begun = await services.blocking(services.advisor.ingestions.begin, data.source, data.symbols, data.start, data.end)
    return BegunOut(id=begun.id)


@get("/v1/ingestions/{ingestion_id:str}", summary="An ingestion", tags=["ingestion"])
async def get_ingestion(ingestion_id: FromPath[str], services: Injected) -> IngestionOut:
    """Say how far an ingestion is."""
    return _ingestion(services.advisor.ingestions.get(ingestion_id))


ROUTES = [
    get_recommendations,
    get_expirations,
    get_performance,
    get_risk,
    get_hedge,
    get_sizing,
    get_rebalance,
    post_end_of_day,
    post_ingestion,
    get_ingestion,
]


def risk_out(report: RiskReport) -> RiskOut:
    """The answer of the risk route."""
    measured = report.exposure
    margin = report.margin
    return RiskOut(
        as_of=report.as_of,
        exposure=ExposureOut(
            delta_shares=number(measured.delta_shares),
            dollar_delta=number(measured.dollar_delta),
            beta_weighted_delta=number(measured.beta_weighted_delta) if report.beta_known else None,
            gamma=number(measured.gamma),
            theta_per_day=number(measured.theta_per_day),
            vega_per_vol_point=number(measured.vega_per_vol_point),
        ),
        margin=MarginOut(
            initial=None if margin is None else number(margin.initial),
            maintenance=None if margin is None else number(margin.maintenance),
            method="unknown_price" if margin is None else margin.method,
        ),
        horizon_days=HORIZON_DAYS,
        var=_by_method(report, "var"),
        es=_by_method(report, "es"),
        scenarios=[
            ScenarioOut(spot=it.spot, volatility=it.volatility, days=it.days, pnl=number(it.pnl))
            for it in report.scenarios
        ],
        assigned=AssignedOut(cash_needed=required(report.assigned.cash_needed), shares=report.assigned.shares),
    )


def hedge_out(found: Sequence[HedgeProposal]) -> HedgeOut:
    """The answer of the hedge route."""
    return HedgeOut(
        proposals=[
            HedgeProposalOut(
                kind=item.kind.value,
                legs=[LegOut(symbol=leg.symbol, quantity=leg.quantity) for leg in item.legs],
                cost=item.cost,
                delta_after=item.delta_after,
                vega_after=item.vega_after,
                es_after=number(item.es_after),
            )
            for item in found
        ]
    )


def _by_method(report: RiskReport, name: Literal["var", "es"]) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for method in ("historical", "normal", "monte_carlo"):
        numbers = report.numbers.get(method)
        values = None if numbers is None else numbers.var if name == "var" else numbers.es
        found[method] = {str(c): None if values is None else number(values[c]) for c in CONFIDENCES}
    return found


def _recommendation(item: Recommendation) -> RecommendationOut:
    return RecommendationOut(
        id=item.id,
        action=item.action.value,
        symbol=item.symbol,
        legs=[LegOut(symbol=leg.symbol, quantity=leg.quantity) for leg in item.legs],
        limit_price=number(item.limit_price),
        effect=None if item.effect is None else item.effect.value,
        reasons=[ReasonOut(code=reason.code, detail=reason.detail) for reason in item.reasons],
        risk=RecommendationRiskOut(
            max_loss=item.risk.max_loss,
            probability_itm=item.risk.probability_itm,
            breakeven=item.risk.breakeven,
            margin=item.risk.margin,
            annualized_yield=item.risk.annualized_yield,
        ),
        rank=item.rank,
    )


def _statistics(measured: Performance) -> StatisticsOut:
    return msgspec.convert(measured, StatisticsOut, from_attributes=True)


def _statement(item: StatementIn) -> BrokerStatement:
    return BrokerStatement(
        account_id=item.account_id,
        cash=None if item.cash is None else decimal_of(item.cash),
        positions=None
        if item.positions is None
        else tuple(
            StatementPosition(
                symbol=normalize_symbol(position.symbol),
                quantity=position.quantity,
                average_price=None if position.average_price is None else decimal_of(position.average_price),
            )
            for position in item.positions
        ),
        open_orders=None if item.open_orders is None else frozenset(item.open_orders),
        realized_pnl=None if item.realized_pnl is None else decimal_of(item.realized_pnl),
    )


def _reconciled(day: AccountDay) -> ReconciledOut:
    return ReconciledOut(
        id=day.account_id,
        reconciled=day.reconciled,
        differences=[
            DifferenceOut(
                kind=item.kind.value,
                symbol=item.symbol,
                ours=number(item.ours),
                theirs=number(item.theirs),
                explained_by=item.explained_by,
                status=item.status.value,
            )
            for item in day.differences
        ],
    )


def _report(day: AccountDay, ended: date) -> DayReportOut:
    return DayReportOut(
        account_id=day.account_id,
        date=ended,
        cash=required(day.cash),
        equity=number(day.equity),
        settlements=[
            SettlementOut(symbol=item.symbol, quantity=item.quantity, outcome=item.outcome.value, detail=item.detail)
            for item in day.settlements
        ],
        booked=len(day.booked),
        expired_orders=list(day.expired_orders),
    )


def _ingestion(item: Ingestion) -> IngestionOut:
    return IngestionOut(
        id=item.id,
        state=item.state,
        progress=item.progress,
        accepted=item.accepted,
        quarantined=item.quarantined,
        completeness=item.completeness,
        lineage=list(item.lineage),
        error=item.error,
    )
