"""The application: routes, guard, errors, API description and life cycle put together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread
from litestar import Litestar, Router
from litestar.di import Provide
from litestar.types import ASGIApp, ControllerRouterHandler

from wheelhouse import __version__
from wheelhouse.advisor.advisor import Advisor
from wheelhouse.clock import parse_clock
from wheelhouse.errors import ConfigurationError
from wheelhouse.secrets import resolve
from wheelhouse.service import accounts, advice, maintenance, market, operations, orders
from wheelhouse.service.auth import RateLimiter, gatekeeper
from wheelhouse.service.context import Blocking, Services
from wheelhouse.service.description import describe_errors, description
from wheelhouse.service.keys import KeyRing, Role
from wheelhouse.service.observe import Observed
from wheelhouse.service.problems import HANDLERS
from wheelhouse.service.requests import StrictRequest
from wheelhouse.settings import Settings
from wheelhouse.telemetry import Metrics, logger

_log = logger("wheelhouse.service")
_BOOTSTRAP_KEY_CHARACTERS = 24


def create_app(settings: Settings, *, advisor: Advisor | None = None, metrics: Metrics | None = None) -> ASGIApp:
    """The ASGI application of one service.

    Parameters
    ----------
    settings
        The whole configuration.
    advisor
        An advisor that is open already; without it one is opened here. The application closes it at shutdown.
    metrics
        Where to count; pass the advisor's.

    Raises
    ------
    ConfigurationError, StoreError
        The advisor cannot be opened with these settings.
    """
    metrics = metrics or Metrics(version=__version__)
    advisor = advisor or open_advisor(settings, metrics)
    keys = KeyRing(advisor.store)
    _install_bootstrap_key(settings, keys)
    services = Services(
        settings=settings, advisor=advisor, keys=keys, metrics=metrics, blocking=Blocking(settings.server.threads)
    )
    guard = gatekeeper(keys, RateLimiter(settings.requests_per_second, settings.rate_limit.burst))
    guarded = Router("/", guards=[guard], route_handlers=_guarded_routes(), security=[{"bearer": []}, {"header": []}])
    app = Litestar(
        route_handlers=[*operations.PUBLIC, guarded],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        request_class=StrictRequest,
        request_max_body_size=settings.server.max_body_bytes,
        openapi_config=description(),
        lifespan=[_life_cycle(services)],
        logging_config=None,
        debug=False,
    )
    describe_errors(app)
    return Observed(app, metrics=metrics, log_requests=settings.log.requests)


def open_advisor(settings: Settings, metrics: Metrics) -> Advisor:
    """The advisor of these settings, its store open and its state rebuilt."""
    clock = parse_clock(settings.clock, environment=settings.environment)
    return Advisor.open(settings, clock=clock, metrics=metrics)


def _guarded_routes() -> Sequence[ControllerRouterHandler]:
    return [*operations.PRIVATE, *market.ROUTES, *accounts.ROUTES, *orders.ROUTES, *advice.ROUTES, *maintenance.ROUTES]


def _install_bootstrap_key(settings: Settings, keys: KeyRing) -> None:
    if settings.bootstrap_key is None:
        return
    if settings.environment == "production":
        raise ConfigurationError("WHEELHOUSE_BOOTSTRAP_KEY is refused in environment 'production'")
    key = resolve(settings.bootstrap_key)
    if len(key) < _BOOTSTRAP_KEY_CHARACTERS:
        _log.warning("the bootstrap key is short; use 24 random characters or more", characters=len(key))
    keys.install(key, name="bootstrap", role=Role.ADMIN)


def _life_cycle(services: Services):  # type: ignore[no-untyped-def]  # noqa: ANN202 - Litestar names no type for it
    @asynccontextmanager
    async def run(_app: Litestar) -> AsyncIterator[None]:
        services.advisor.start()
        try:
            yield
        finally:
            services.blocking.close()
            await anyio.to_thread.run_sync(services.advisor.close)
            _log.info("closed")

    return run
