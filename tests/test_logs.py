"""Log lines, for programs and for people."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service import logs
from service.trace import Trace

ROOT = Path(__file__).parent.parent


def record(message, *values, level=logging.INFO, error=None, **extra):
    found = logging.LogRecord(
        "service.some", level, __file__, 1, message, values, error and (type(error), error, None)
    )
    vars(found).update(extra)
    return found


def as_json(found):
    line = logs.formatter("json").format(found)
    assert "\n" not in line
    return json.loads(line)


def as_text(found):
    return logs.formatter("text").format(found)


def test_a_json_line_says_when_who_and_what():
    line = as_json(record("loaded %s", "reviews-en"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("process") > 0
    assert line == {"level": "info", "logger": "service.some", "message": "loaded reviews-en"}


def test_times_are_utc_with_milliseconds():
    found = record("x")
    found.created, found.msecs = 1.0625, 62.5
    assert as_json(found)["time"] == "1970-01-01T00:00:01.062Z"
    assert as_text(found).startswith("1970-01-01 00:00:01.062 INFO service.some [")


def test_an_exception_is_a_field_of_one_line():
    line = as_json(record("failed", level=logging.ERROR, error=ValueError("why")))
    assert line["exception"] == "ValueError: why"


def test_a_line_may_have_fields():
    assert as_json(record("x", fields={"status": 503}))["status"] == 503


@pytest.mark.parametrize(
    "message", ["half \ud83d of a pair", "정말 \0 \x1b[31m", 'a "quote"\nmore']
)
def test_any_message_makes_a_json_line(message):
    assert as_json(record(message))["message"] == message


def test_a_line_about_a_request_has_its_id():
    token = Trace("mine").enter()
    try:
        assert as_json(record("x"))["request_id"] == "mine"
        assert as_text(record("x")).endswith(": x (request mine)")
        # The network's thread reads for many, and says for which.
        assert as_json(record("x", request_id="another"))["request_id"] == "another"
    finally:
        Trace.leave(token)
    assert "request_id" not in as_json(record("x"))
    assert "request" not in as_text(record("x"))


def test_a_text_line_cannot_be_made_to_look_like_two():
    line = as_text(record("GET %s failed", "/\n2026-01-31 00:00:00.000 ERROR\x1b[2K"))
    assert r"GET /\x0a2026-01-31 00:00:00.000 ERROR\x1b[2K failed" in line
    assert "\n" not in line


def test_a_traceback_stands_below_its_text_line():
    line = as_text(record("failed", error=ValueError("why")))
    assert line.splitlines()[1:] == ["ValueError: why"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_text_and_everything_else_json():
    assert not logs.formatter("auto", Terminal()).format(record("x")).startswith("{")
    assert logs.formatter("auto", io.StringIO()).format(record("x")).startswith("{")
    assert logs.formatter("json", Terminal()).format(record("x")).startswith("{")


PROCESS = """
import logging, os, threading, warnings
from service import logs
from service.settings import Settings

logs.configure(Settings.from_env(os.environ))
logging.getLogger("service.registry").info("ours")
logging.getLogger("service.observe").info("a request")
logging.getLogger("another.package").info("others say too much")
logging.getLogger("another.package").warning("others warn")
warnings.warn("Python warns")
thread = threading.Thread(target=lambda: 1 / 0, name="network")
thread.start()
thread.join()
"""


def logged(**environment):
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_all_that_a_process_says_is_json_where_there_is_no_terminal():
    found = [json.loads(line) for line in logged()]
    assert [(line["level"], line["logger"]) for line in found] == [
        ("info", "service.registry"),
        ("info", "service.observe"),
        ("warning", "another.package"),
        ("warning", "py.warnings"),
        ("critical", "service"),
    ]
    assert found[-1]["message"].startswith("the thread network failed")
    assert found[-1]["exception"].endswith("ZeroDivisionError: division by zero")


def test_log_level_holds_but_for_the_access_log_that_was_asked_for():
    found = [json.loads(line)["logger"] for line in logged(LOG_LEVEL="error")]
    assert "service.registry" not in found
    assert "service.observe" not in found
    found = [json.loads(line)["logger"] for line in logged(LOG_LEVEL="error", ACCESS_LOG="1")]
    assert "service.registry" not in found
    assert "service.observe" in found


def test_text_is_there_for_who_asks():
    found = logged(LOG_FORMAT="text")
    assert found[0].endswith(": ours")
    assert "Traceback (most recent call last):" in found
