"""Security: no door without a key, no file for everybody."""

import json
import stat

from seatrial.checks.registry import CheckContext, Finding, NotAssessed, check
from seatrial.errors import TargetFailure
from seatrial.target.protocol import Control, HttpFace
from seatrial.verdict.scoring import Gap


def _doors(symbol: str, account_name: str) -> tuple[tuple[str, str, object], ...]:
    """Method, path and payload of routes to read and to write; should one be open, what comes of it is the trial's own."""
    return (
        ("GET", "/v1/about", None),
        ("GET", "/v1/accounts", None),
        ("POST", "/v1/accounts", {"name": account_name, "kind": "cash", "cash": 1.0, "positions": []}),
        ("GET", f"/v1/market/{symbol}/chain", None),
        ("POST", "/v1/market/quotes", {"quotes": []}),
        ("GET", "/v1/keys", None),
    )


@check(
    "security.authentication",
    "Nothing under /v1 answers without a valid key",
    critical=True,
    blocker=True,
    weight=2.0,
    needs=("http",),
    saboteurs=("open_door",),
    remediation="Put authentication before routing, so that a new route is closed until somebody opens it.",
)
async def authentication(context: CheckContext) -> Finding:
    """Each door is tried without a key and with a wrong one, after a rightful caller has been there."""
    target = context.target
    assert isinstance(target, HttpFace)
    rightful = await target.raw("GET", "/v1/about")
    if rightful.status != 200:
        raise TargetFailure(
            f"GET /v1/about with a valid key: status {rightful.status}", kind="status", status=rightful.status
        )
    doors = _doors(context.target.symbols[0], context.account_name("intruder"))
    open_doors: list[str] = []
    for method, path, payload in doors:
        body = None if payload is None else json.dumps(payload).encode()
        for label, headers in (("no key", {}), ("a wrong key", {"Authorization": "Bearer wrong"})):
            answer = await target.raw(method, path, headers=headers, body=body, authenticated=False)
            if answer.status != 401:
                open_doors.append(f"{method} {path} with {label}: {answer.status}")
    tried = 2 * len(doors)
    if open_doors:
        return Finding(
            score=0.0, evidence=f"{len(open_doors)} of {tried} tries were not 401: {'; '.join(open_doors[:3])}"
        )
    return Finding(score=1.0, evidence=f"{tried} tries without a valid key were all answered 401")


@check(
    "security.file_permissions",
    "Nobody else on the machine can read the data files",
    needs=("control",),
    saboteurs=("world_readable_database",),
    remediation="Create data files with mode 0600, and run the service under an account of its own.",
)
async def file_permissions(context: CheckContext) -> Finding:
    """Modes of the files that hold the state."""
    assert isinstance(context.target, Control)
    files = context.target.data_files
    if not files:
        raise NotAssessed("the target keeps its state in no file of this machine", Gap.PLATFORM)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}
    exposed = {name: mode for name, mode in modes.items() if mode & 0o077}
    shown = ", ".join(f"{name} {mode:04o}" for name, mode in modes.items())
    return Finding(score=0.0 if exposed else 1.0, evidence=shown)
