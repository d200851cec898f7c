"""Log lines of a process of the server: JSON Lines on standard error, one for each record."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

from plaudit.settings import Settings

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(settings: Settings) -> None:
    """Log JSON Lines to standard error, records of uvicorn and other libraries included."""
    level = _LEVELS[settings.log_level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without local variables: they hold keys and personal data.
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(serializer=_log_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(level)
    # At debug it would log the URLs of webhook receivers and their responses.
    logging.getLogger("httpcore2").setLevel(logging.WARNING)


class _ToStructlog(logging.Handler):
    """Logging handler that forwards records of other libraries to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name)


def _log_line(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=repr)
