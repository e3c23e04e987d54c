"""Logs: for people or as JSON lines, ours and those of every library alike, without secrets.

Secrets are taken out twice: values by the name of their key, and whatever looks like a token in the finished line.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, Literal, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

from meschain.auth.ports import Clock
from meschain.http.webhooks import PREFIX

MASK: Final = "***"
_REQUESTS: Final = "meschain.requests"
"""The logger of answered requests."""

_SECRET_KEYS: Final = frozenset(
    {
        "authorization",
        "cookie",
        "set-cookie",
        "password",
        "passwords",
        "secret",
        "previous_secret",
        "token",
        "access_token",
        "accesstoken",
        "refresh_token",
        "id_token",
        "user_token",
        "api_key",
        "meschain_refresh",
    }
)

_KEYED: Final = re.compile(
    r"""(?ix)
    (access_?token|refresh_?token|id_token|user_token|meschain_refresh|ocsessid|password|passwd|secret|api_?key)
    (["']?\s*[:=]\s*["']?)
    (?!\*\*\*)[^\s"'&;,)}\]]+
    """
)
_HEADER: Final = re.compile(r"(?i)\b(authorization|cookie|set-cookie)([\"']?\s*[:=,]\s*b?[\"']?)[^\"'\r\n]+")
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_ADDRESS: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s:/@'\"]*):[^\s@'\"]+@")


def scrub(text: str) -> str:
    """The text without anything that looks like a token, a password or a cookie."""
    text = _JWT.sub(MASK, text)
    text = _HEADER.sub(rf"\1\2{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _KEYED.sub(rf"\1\2{MASK}", text)
    return _ADDRESS.sub(rf"\1:{MASK}@", text)


def mask_secret_keys(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of keys that name a secret, also within tables."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: object) -> object:
    if key.lower() in _SECRET_KEYS:
        return MASK
    if isinstance(value, dict):
        return {inner: _masked(str(inner), item) for inner, item in value.items()}
    return value


def _without_color_message(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """uvicorn hands its texts over a second time, for terminals."""
    event.pop("color_message", None)
    return event


class _Scrubbing(structlog.stdlib.ProcessorFormatter):
    """Scrubs the finished line, with the traceback in it."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def configure_logging(
    log_format: Literal["console", "json"], level: str = "info", stream: TextIO | None = None
) -> None:
    """Send all logs of this process to `stream` (default: standard error) in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secret_keys,
    ]
    target = stream or sys.stderr
    last: list[Processor]
    if log_format == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        colors = target.isatty()
        # Plain tracebacks: the pretty ones show the values of local variables, which may be secrets.
        formatter = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=formatter)]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        _Scrubbing(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared, _without_color_message],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "aiohttp.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)  # a server may have given it one of its own
    # uvicorn's access log writes whole queries, and with them access_token; `RequestLog` is ours instead.
    logging.getLogger("uvicorn.access").disabled = True
    # Alembic tells of every start, asyncmy's and SQLAlchemy's debug entries hold the values of statements,
    # botocore's the signatures and the messages of queues.
    for name in ("alembic", "sqlalchemy", "aiosqlite", "asyncmy", "botocore", "aiobotocore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class RequestLog:
    """Logs each answered request: method, path, status, duration. Never the query: it may hold a token. Plain ASGI."""

    def __init__(self, app: ASGIApp, clock: Clock, quiet: frozenset[str] = frozenset({"/healthz", "/readyz"})) -> None:
        """Args:
        quiet: Paths that are logged for debugging only, because something asks them all the time.
        """
        self._app = app
        self._clock = clock
        self._quiet = quiet
        self._log = structlog.get_logger(_REQUESTS)
        self._level = logging.getLogger(_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._clock.monotonic()
        status = 500  # what a client sees when the application raises before it answers

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting_status)
        finally:
            level = logging.DEBUG if scope["path"] in self._quiet else logging.INFO
            if self._level.isEnabledFor(level):
                milliseconds = round((self._clock.monotonic() - begun) * 1000, 1)
                self._log.log(
                    level,
                    "request",
                    method=scope["method"],
                    path=shown_path(scope["path"]),
                    status=status,
                    milliseconds=milliseconds,
                )


def shown_path(path: str) -> str:
    """The path as it may be logged: of a webhook's only vendor and store, for behind them a secret may stand."""
    if not path.startswith(PREFIX):
        return path
    parts = path.split("/", 4)
    return path if len(parts) < 5 else "/".join([*parts[:4], "***"])
