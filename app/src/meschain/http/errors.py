"""Answers that are errors: JSON `{"error": …}`, perhaps with a `code` that programs read. Knows no route."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from meschain.auth.throttle import Throttled

NO_STORE = {"cache-control": "no-store"}
"""Of every answer about log-ins: neither tokens nor refusals belong into a cache."""


def error_answer(status: int, text: str, *, code: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """An error in the form that every route of ours uses. The text must be fit for strangers."""
    content = {"error": text, "code": code} if code else {"error": text}
    return JSONResponse(content, status, {**NO_STORE, **(headers or {})})


def unauthorized() -> Response:
    """401 in JSON. It never says why: that is for the log."""
    return error_answer(401, "Log in and send the token as a bearer token.", headers={"www-authenticate": "Bearer"})


def too_many(error: Throttled) -> Response:
    """429 with the time after which to try again."""
    return error_answer(429, str(error), headers={"retry-after": str(error.retry_after_seconds)})


def unavailable(text: str) -> Response:
    """503: something behind us does not answer."""
    return error_answer(503, text, headers={"retry-after": "5"})
