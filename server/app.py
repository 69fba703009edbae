"""The litestar applications: routes of a dialect, its form of errors, and what both have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.plugins.core import MsgspecDIPlugin
from litestar.response import Response

from paddock.sdk.errors import BadRequest, NotFound, PaddockError
from paddock.server.access import MAX_BODY_BYTES

logger = logging.getLogger(__name__)

_LEFT = "client disconnected prematurely"
"""What litestar says of a body that will never be whole."""

ErrorBody = Callable[[PaddockError], bytes]


class TooLarge(BadRequest):
    """The body is longer than this listener takes."""

    code = "body_too_large"
    status = 413


class WrongMethod(BadRequest):
    """The path exists, but not for this method."""

    code = "wrong_method"
    status = 405


class Unfinished(BadRequest):
    """The client left before its request was whole; nobody reads this answer."""

    code = "unfinished_request"


class InternalError(PaddockError):
    """A bug of ours; the log has its stack."""

    code = "internal_error"


class _Litestar(Litestar):
    @staticmethod
    def _get_default_plugins(plugins: list[Any]) -> list[Any]:
        # Litestar's own list imports pydantic where it is installed: 100 ms of the start, for nothing we use.
        return [*plugins, MsgspecDIPlugin()]


def make_app(routes: Sequence[Any], error_body: ErrorBody) -> Litestar:
    """An application that answers every error as ``error_body`` puts it. OpenAPI is left out: it costs start-up."""

    def answer(request: Any, error: Exception) -> Response[bytes]:
        explained = in_words(error, request.scope["path"])
        return Response(error_body(explained), status_code=explained.status, media_type="application/json")

    return _Litestar(
        list(routes),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers={Exception: answer},
    )


def in_words(error: Exception, path: str) -> PaddockError:
    """Any exception of a request for ``path`` as one that a person can read; bugs are logged with their stack."""
    if isinstance(error, PaddockError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == HTTPStatus.NOT_FOUND:
            return NotFound(f"There is nothing at {path}.", hint="See docs/api.md and docs/control-api.md.", path=path)
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return WrongMethod("This address does not take this method.", hint="See the documentation of the API.")
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge(
                f"The body is larger than {MAX_BODY_BYTES // 2**20} MB.", hint="Send less.", limit=MAX_BODY_BYTES
            )
        if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return BadRequest(f"The request cannot be understood: {error.detail}.", hint="See the documentation.")
        if error.detail == _LEFT:
            return Unfinished("The request was broken off by its sender.", hint="Send it again.")
    logger.error("a request failed", exc_info=error)
    return InternalError(
        f"Something went wrong inside Paddock ({type(error).__name__}).", hint="The host's log has the details."
    )
