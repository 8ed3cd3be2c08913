"""Routes for operators: liveness, readiness, metrics, what this is, and keys."""

from datetime import datetime
from http import HTTPStatus
from typing import Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody

from wheelhouse import __version__
from wheelhouse.advisor.capabilities import CAPABILITIES
from wheelhouse.service.auth import ROLE_OPTION
from wheelhouse.service.context import Injected
from wheelhouse.service.keys import Role, parse_role
from wheelhouse.service.paging import DEFAULT_LIMIT, Cursor, Limit, page
from wheelhouse.store.records import KeyRecord
from wheelhouse.telemetry import METRICS_CONTENT_TYPE

RoleName = Literal["reader", "trader", "admin"]


class CheckOut(msgspec.Struct):
    """One readiness check."""

    name: str
    ok: bool
    detail: str


class ReadinessOut(msgspec.Struct):
    """Whether the service can serve, and every check that says so."""

    status: Literal["ready", "not_ready"]
    checks: list[CheckOut]


class LivenessOut(msgspec.Struct):
    """The process answers."""

    status: Literal["alive"] = "alive"


class AboutOut(msgspec.Struct):
    """What this system is, and what it can do."""

    system: str
    version: str
    environment: Literal["development", "staging", "production"]
    broker: Literal["paper", "live"]
    now: datetime
    session: Literal["open", "closed", "half_day"]
    clock: Literal["system", "simulated"]
    capabilities: list[str]


class KeyIn(msgspec.Struct, forbid_unknown_fields=True):
    """A key to make."""

    role: RoleName
    name: str = ""


class KeyOut(msgspec.Struct):
    """A key without its secret."""

    id: str
    name: str
    role: RoleName
    created_at: datetime
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    """A key just made; `key` is shown this once."""

    key: str


class KeysOut(msgspec.Struct):
    """Keys, oldest first."""

    keys: list[KeyOut]
    next_cursor: str | None


@get("/livez", summary="Is the process alive?", tags=["operations"])
async def livez() -> LivenessOut:
    """Answer; depends on nothing."""
    return LivenessOut()


@get("/readyz", summary="Can it serve?", tags=["operations"])
async def readyz(services: Injected) -> Response[ReadinessOut]:
    """Run every readiness check; 503 if one fails."""
    checks = await services.blocking(services.advisor.readiness)
    ready = all(check.ok for check in checks)
    body = ReadinessOut(
        status="ready" if ready else "not_ready",
        checks=[CheckOut(name=check.name, ok=check.ok, detail=check.detail) for check in checks],
    )
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(body, status_code=status, headers={} if ready else {"Retry-After": "1"})


@get("/metrics", summary="Metrics in the Prometheus text format", tags=["operations"])
async def metrics(services: Injected) -> Response[bytes]:
    """Render the metrics."""
    services.advisor.refresh_gauges()
    return Response(services.metrics.render(), headers={"Content-Type": METRICS_CONTENT_TYPE})


@get("/v1/about", summary="What this system is", tags=["operations"])
async def about(services: Injected) -> AboutOut:
    """Say what runs here, in which environment, and at what market time."""
    advisor = services.advisor
    now = advisor.clock.now()
    return AboutOut(
        system="wheelhouse",
        version=__version__,
        environment=services.settings.environment,
        broker=services.settings.broker,
        now=now,
        session=advisor.calendar.session_state(now),
        clock=advisor.clock.kind,
        capabilities=list(CAPABILITIES),
    )


@post("/v1/keys", summary="Make a key", tags=["keys"], opt={ROLE_OPTION: Role.ADMIN})
async def create_key(data: JSONBody[KeyIn], services: Injected) -> NewKeyOut:
    """Make a key and show it once."""
    record, key = await services.blocking(services.keys.create, name=data.name, role=parse_role(data.role))
    out = _key(record)
    return NewKeyOut(
        id=out.id, name=out.name, role=out.role, created_at=out.created_at, revoked_at=out.revoked_at, key=key
    )


@get("/v1/keys", summary="List keys", tags=["keys"], opt={ROLE_OPTION: Role.ADMIN})
async def list_keys(services: Injected, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> KeysOut:
    """List all keys ever made, without their secrets."""
    records, next_cursor = page(await services.blocking(services.keys.list), limit=limit, cursor=cursor)
    return KeysOut(keys=[_key(record) for record in records], next_cursor=next_cursor)


@delete("/v1/keys/{key_id:str}", summary="Revoke a key", tags=["keys"], opt={ROLE_OPTION: Role.ADMIN})
async def revoke_key(key_id: FromPath[str], services: Injected) -> None:
    """End a key at once."""
    await services.blocking(services.keys.revoke, key_id)


def _key(record: KeyRecord) -> KeyOut:
    role: RoleName = "admin" if record.role == "admin" else "trader" if record.role == "trader" else "reader"
    return KeyOut(id=record.id, name=record.name, role=role, created_at=record.created_at, revoked_at=record.revoked_at)


PUBLIC = [livez, readyz, metrics]
PRIVATE = [about, create_key, list_keys, revoke_key]
