"""Log lines: one JSON object each for programs, or plain ones for people at a terminal.

Texts of users are never logged, and neither is a query: somebody may have put a text there.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from typing import Any, TextIO

from service import trace
from service.settings import Settings


def configure(settings: Settings) -> None:
    """Send what this process logs to stderr: ours from LOG_LEVEL on, all others' from warning."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings.log_format))
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.getLogger("service").setLevel(settings.log_level.upper())
    if settings.access_log:
        # Asked for by name, whatever LOG_LEVEL says.
        logging.getLogger("service.observe").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed


def formatter(log_format: str, stream: TextIO | None = None) -> logging.Formatter:
    """
    Args:
        log_format: json, text, or auto, which is text on a terminal.
        stream: where the lines go; None is stderr.
    """
    if log_format == "auto":
        log_format = "text" if (stream or sys.stderr).isatty() else "json"
    return _JSON() if log_format == "json" else _Text()


class _JSON(logging.Formatter):
    """
    {"time": "2026-01-31T12:00:00.123Z", "level": "info", "logger": "service.registry",
     "message": "…", "process": 7, "request_id": "…", "exception": "Traceback …"}
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": f"{_time(record, '%Y-%m-%dT%H:%M:%S')}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        if request_id := _request_id(record):
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # In ASCII, so that no half of a surrogate pair stops a line.
        return json.dumps(line, default=str)


class _Text(logging.Formatter):
    """2026-01-31 12:00:00.123 INFO service.registry [7]: … (request …), with a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage().translate(_ESCAPED)
        line = f"{_time(record, '%Y-%m-%d %H:%M:%S')} {record.levelname} {record.name}"
        line = f"{line} [{record.process}]: {message}"
        if request_id := _request_id(record):
            line = f"{line} (request {request_id})"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


# A path that was asked for must not look like a line of its own.
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)}


def _time(record: logging.LogRecord, pattern: str) -> str:
    """In UTC, with milliseconds."""
    return f"{time.strftime(pattern, time.gmtime(record.created))}.{int(record.msecs):03}"


def _request_id(record: logging.LogRecord) -> str:
    """That of the thread's request, unless the record has another: the network's thread reads for
    many."""
    return getattr(record, "request_id", "") or trace.current().request_id


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is None or isinstance(failure.exc_value, SystemExit):
        return
    name = failure.thread.name if failure.thread is not None else "?"
    logging.getLogger("service").critical(
        "the thread %s failed; please report this", name, exc_info=failure.exc_value
    )
