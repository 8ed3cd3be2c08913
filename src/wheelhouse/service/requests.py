"""Reading request bodies strictly: malformed is 400, well-formed but wrong is 422."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import Empty

from wheelhouse.service.problems import FieldError, ProblemError, with_choices

ARROW_MEDIA_TYPE = "application/vnd.apache.arrow.stream"
ACCEPTS_ARROW = "accepts_arrow"


class StrictRequest(Request[Any, Any, State]):
    """A request whose JSON body is decoded straight into the handler's declared type.

    Litestar's own way converts leniently ("1" becomes 1) and answers 400 for both kinds of error.
    """

    async def json(self) -> Any:
        """The body as the type of the handler's parameter `data`.

        Raises
        ------
        ProblemError
            400 when the body is not JSON (NaN, Infinity and numbers beyond a double are not), 415 for another media type,
            422 when it is JSON of another shape.
        """
        if self._json is not Empty:
            return self._json
        field = self.route_handler.parsed_data_field
        wanted = field.annotation if field is not None else Any
        media_type = self.content_type[0].lower()
        if media_type == ARROW_MEDIA_TYPE and self.route_handler.opt.get(ACCEPTS_ARROW):
            # The handler reads the stream itself; its JSON shape stays what the API description shows.
            self._json = msgspec.convert({}, wanted)
            return self._json
        if media_type not in ("application/json", "") and not media_type.endswith("+json"):
            raise ProblemError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content type {media_type!r} is not understood here; send application/json",
            )
        self._json = decode(await self.body(), wanted)
        return self._json


def decode(body: bytes, wanted: Any) -> Any:
    """A JSON body as a value of the type `wanted`; see :meth:`StrictRequest.json` for the errors."""
    if not body:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is empty; send a JSON object")
    try:
        return _decoder(wanted).decode(body)
    except msgspec.ValidationError as error:
        _refuse_malformed(body)
        refused, _, pointer = str(error).partition(" - at ")
        where = pointer.strip("`") or "$"
        detail = with_choices(refused, wanted, where)
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{detail} - at `{where}`" if pointer else detail,
            errors=[FieldError(pointer=where, detail=detail)],
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error


def _refuse_malformed(body: bytes) -> None:
    """Raise 400 if the text behind the first wrong part is no JSON either."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error


def _malformed(error: Exception) -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not valid JSON (NaN and Infinity are not): {error}")


@lru_cache(maxsize=256)
def _decoder(wanted: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(wanted)
