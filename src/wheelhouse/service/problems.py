"""Every error as `application/problem+json` (RFC 9457), whoever raised it.

::

    400 malformed            401 no or unknown key     403 role         404 unknown thing
    405 method               409 conflict              413 too large    422 unprocessable
    429 too many             500 our own fault         501 not in this version        503 not ready
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from wheelhouse.errors import ConfigurationError, Conflict, InvalidInput, NotFound, StoreError, WheelhouseError
from wheelhouse.market.instruments import MalformedSymbol
from wheelhouse.telemetry import logger

PROBLEM_MEDIA_TYPE = "application/problem+json"
_log = logger("wheelhouse.service")
_BODY = "data"
_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one part of the request."""

    pointer: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 writes it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | None = None


class ProblemError(Exception):
    """An error that the service answers as it stands.

    Parameters
    ----------
    status
        HTTP status code.
    detail
        What is wrong and what to do about it.
    errors
        The parts that are wrong, if known.
    headers
        Headers of the answer, such as ``Retry-After``.
    """

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def not_in_this_version(what: str) -> ProblemError:
    """The answer of a route whose engine does not exist yet; its capability is not in `/v1/about`."""
    return ProblemError(
        HTTPStatus.NOT_IMPLEMENTED, f"{what} is not part of this version; see 'capabilities' of /v1/about"
    )


def respond(request: Request[Any, Any, Any], problem: ProblemError) -> Response[bytes]:
    """The response that says what went wrong."""
    status = HTTPStatus(problem.status)
    body = Problem(
        type=f"urn:wheelhouse:problem:{status.name.lower().replace('_', '-')}",
        title=status.phrase,
        status=problem.status,
        detail=problem.detail,
        instance=request.scope["path"],
        errors=list(problem.errors) or None,
    )
    headers = dict(problem.headers)
    if status is HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="wheelhouse"')
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", "1")
    return Response(
        msgspec.json.encode(body), status_code=problem.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers
    )


def _from_ours(request: Request[Any, Any, Any], error: ProblemError) -> Response[bytes]:
    return respond(request, error)


def _from_domain(request: Request[Any, Any, Any], error: WheelhouseError) -> Response[bytes]:
    if isinstance(error, NotFound):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, Conflict):
        status = HTTPStatus.CONFLICT
    elif isinstance(error, MalformedSymbol) and request.method == "GET":
        # In a path or a query there is nothing well-formed around it.
        status = HTTPStatus.BAD_REQUEST
    elif isinstance(error, InvalidInput | ConfigurationError):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif isinstance(error, StoreError):
        _log.error("store failed", path=request.scope["path"], exc_info=error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
    else:
        return _from_anything(request, error)
    return respond(request, ProblemError(status, str(error)))


def _from_litestar(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    detail = error.detail
    headers = dict(error.headers or {})
    errors = [
        FieldError(
            pointer=str(item.get("key", "")),
            detail=with_choices(str(item.get("message", "")), _annotation(request, str(item.get("key", "")))),
        )
        for item in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(item, dict)
    ]
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
        detail = f"{request.scope['method']} is not allowed here; allowed: {headers['Allow']}"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.scope['path']}; see /schema/openapi.json"
    elif error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = "the body is larger than server.max_body_bytes allows; send it in parts"
    elif error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _from_anything(request, error)
    elif any(it.pointer == _BODY for it in errors):
        # An absent body is never decoded: the framework only misses its argument.
        detail, errors = "the body is empty; send a JSON object", []
    elif errors:
        detail = "; ".join(f"{it.pointer}: {it.detail}" for it in errors)
    return respond(request, ProblemError(error.status_code, detail, errors=errors, headers=headers))


def with_choices(detail: str, wanted: Any, pointer: str = "$") -> str:
    """Name the values that may stand where an enumeration refused one.

    Parameters
    ----------
    detail
        What msgspec says; anything but a refused choice comes back as it is.
    wanted
        The type of the whole value.
    pointer
        The part that is wrong, as msgspec writes it: ``$.quotes[0].kind``.
    """
    if not detail.startswith("Invalid enum value") or wanted is None:
        return detail
    found = [msgspec.inspect.type_info(wanted)]
    for name in _STEP.findall(pointer):
        found = [inner for it in found for inner in _inside(it, name)]
    choices = [value for it in found for option in _options(it) for value in _choices(option)]
    return f"{detail}; give one of {', '.join(map(str, choices))}" if choices else detail


def _inside(kind: msgspec.inspect.Type, name: str) -> list[msgspec.inspect.Type]:
    """The types of a field, or of the elements when the step is an index."""
    inner: list[msgspec.inspect.Type] = []
    for option in _options(kind):
        if isinstance(option, msgspec.inspect.StructType):
            inner += [it.type for it in option.fields if it.encode_name == name]
        elif isinstance(option, msgspec.inspect.ListType):
            inner.append(option.item_type)
    return inner


def _options(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, ...]:
    if isinstance(kind, msgspec.inspect.Metadata):
        return _options(kind.type)
    return kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)


def _choices(kind: msgspec.inspect.Type) -> list[object]:
    if isinstance(kind, msgspec.inspect.LiteralType):
        return list(kind.values)
    return [it.value for it in kind.cls] if isinstance(kind, msgspec.inspect.EnumType) else []


def _annotation(request: Request[Any, Any, Any], name: str) -> Any:
    """The declared type of a handler's parameter; None if the request met no handler with such a one."""
    handler = request.scope.get("route_handler")
    parameter = handler.parsed_fn_signature.parameters.get(name) if handler is not None else None
    return None if parameter is None else parameter.annotation


def _allowed(request: Request[Any, Any, Any]) -> list[str]:
    """The methods that this path takes."""
    allowed = []
    for method in ("DELETE", "GET", "POST", "PUT"):
        try:
            request.app.asgi_router.handle_routing(path=request.scope["path"], method=method)
        except HTTPException:
            continue
        allowed.append(method)
    return allowed


def _from_anything(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("request failed", method=request.scope["method"], path=request.scope["path"], exc_info=error)
    detail = "the service failed on this request; its log has the cause under the answer's X-Request-Id"
    return respond(request, ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail))


HANDLERS: "ExceptionHandlersMap" = {
    ProblemError: _from_ours,
    WheelhouseError: _from_domain,
    HTTPException: _from_litestar,
    Exception: _from_anything,
}
