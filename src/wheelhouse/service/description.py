"""The API description: OpenAPI 3.1 at `/schema/openapi.json`, with the one shape that all errors have."""

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    PathItem,
    Schema,
    SecurityScheme,
)

from wheelhouse import __version__
from wheelhouse.service.problems import PROBLEM_MEDIA_TYPE

_METHODS = ("get", "post", "put", "delete")
_TEXT = Schema(type=OpenAPIType.STRING)
_PROBLEM = Schema(
    title="Problem",
    description="An error as RFC 9457 writes it.",
    type=OpenAPIType.OBJECT,
    required=["type", "title", "status", "detail", "instance"],
    properties={
        "type": _TEXT,
        "title": _TEXT,
        "status": Schema(type=OpenAPIType.INTEGER),
        "detail": _TEXT,
        "instance": _TEXT,
        "errors": Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(type=OpenAPIType.OBJECT, properties={"pointer": _TEXT, "detail": _TEXT}),
        ),
    },
)


def description() -> OpenAPIConfig:
    """What the framework needs to describe the API."""
    return OpenAPIConfig(
        title="wheelhouse",
        version=__version__,
        description="An advisor for the options wheel. Errors are application/problem+json (RFC 9457).",
        path="/schema",
        render_plugins=[JsonRenderPlugin()],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer"),
                "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            }
        ),
    )


def describe_errors(app: Litestar) -> None:
    """Say of every operation what its errors look like, in place of the framework's own shape, which none has."""
    for path in (app.openapi_schema.paths or {}).values():
        for operation in _operations(path):
            documented = dict(operation.responses or {})
            for code in [code for code in documented if code.startswith(("4", "5"))]:
                del documented[code]
            documented["default"] = OpenAPIResponse(
                description="What went wrong", content={PROBLEM_MEDIA_TYPE: OpenAPIMediaType(schema=_PROBLEM)}
            )
            operation.responses = documented


def _operations(path: PathItem) -> list[Operation]:
    return [operation for method in _METHODS if (operation := getattr(path, method)) is not None]
