"""Routes for maintenance: backup and verification, for admins."""

from http import HTTPStatus
from pathlib import Path

import msgspec
from litestar import post
from litestar.params import JSONBody

from wheelhouse.service.auth import ROLE_OPTION
from wheelhouse.service.context import Injected
from wheelhouse.service.keys import Role
from wheelhouse.service.problems import ProblemError, not_in_this_version

_ADMIN = {ROLE_OPTION: Role.ADMIN}


class BackupIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where to write the copy, on the service's host."""

    path: str


class MaintenanceOut(msgspec.Struct):
    """What was done; `rows` and `checksums` are by table."""

    ok: bool
    path: str | None
    rows: dict[str, int]
    checksums: dict[str, str]
    problems: list[str]


@post("/v1/maintenance/backup", status_code=HTTPStatus.OK, summary="Back up", tags=["maintenance"], opt=_ADMIN)
async def backup(data: JSONBody[BackupIn], services: Injected) -> MaintenanceOut:
    """Write a consistent copy into a new file, while others read and write."""
    path = Path(data.path)
    if not path.is_absolute():
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"path {data.path!r} must be absolute; it is on the service's host"
        )
    report = await services.blocking(services.advisor.store.backup, path)
    return MaintenanceOut(
        ok=True, path=str(report.path), rows=dict(report.rows), checksums=dict(report.checksums), problems=[]
    )


@post("/v1/maintenance/verify", status_code=HTTPStatus.OK, summary="Verify", tags=["maintenance"], opt=_ADMIN)
async def verify(services: Injected) -> MaintenanceOut:
    """Look for contradictions in what is stored."""
    problems = await services.blocking(services.advisor.store.verify)
    rows = await services.blocking(services.advisor.store.counts)
    return MaintenanceOut(ok=not problems, path=None, rows=dict(rows), checksums={}, problems=problems)


@post("/v1/maintenance/compact", status_code=HTTPStatus.OK, summary="Compact", tags=["maintenance"], opt=_ADMIN)
async def compact(services: Injected) -> MaintenanceOut:
    """Put the history in the order in which it is read, and shrink the log; writers wait meanwhile."""
    await services.blocking(services.advisor.store.compact)
    rows = await services.blocking(services.advisor.store.counts)
    return MaintenanceOut(ok=True, path=None, rows=dict(rows), checksums={}, problems=[])


@post("/v1/maintenance/restore", summary="Restore (not in this version)", tags=["maintenance"], opt=_ADMIN)
async def restore() -> None:
    """Answer 501."""
    raise not_in_this_version("restoring a running service")


@post("/v1/maintenance/archive", summary="Archive (not in this version)", tags=["maintenance"], opt=_ADMIN)
async def archive() -> None:
    """Answer 501."""
    raise not_in_this_version("archiving")


ROUTES = [backup, verify, compact, restore, archive]
