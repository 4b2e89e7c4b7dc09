"""Load by wrk (https://github.com/wg/wrk): as many connections as asked, each with a request under
way at all times."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.servers import Request

# An answer that takes longer is an error.
TIMEOUT_SECONDS = 60

MISSING = (
    "wrk is not installed, which makes the load. On Debian and Ubuntu: apt-get install wrk; on "
    "macOS: brew install wrk"
)

MARK = "manytone-load "  # before the line that is for us

# wrk's own report has few percentiles and rounds them.
SCRIPT = """\
local bodies = {
%(bodies)s
}
local requests = {}
local turn = 0

function init(args)
  for place, body in ipairs(bodies) do
    if body == "" then
      requests[place] = wrk.format("GET", "%(path)s")
    else
      requests[place] = wrk.format(
        "POST", "%(path)s", {["Content-Type"] = "application/json"}, body)
    end
  end
end

function request()
  turn = turn %% #requests + 1
  return requests[turn]
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '%(mark)s{"requests": %%d, "seconds": %%f, "milliseconds": {"50": %%f, "90": %%f, "99": %%f}, '
    .. '"errors": {"connect": %%d, "read": %%d, "write": %%d, "timeout": %%d, "status": %%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(90) / 1e3, latency:percentile(99) / 1e3,
    e.connect, e.read, e.write, e.timeout, e.status))
end
"""


class LoadError(Exception):
    """wrk did not do what it should; the message is its own."""


@dataclass(frozen=True)
class Load:
    """What came back.

    Attributes:
        milliseconds: percentile ("50", "90", "99") -> latency, as wrk corrects it for coordinated
            omission.
        errors: kind -> how many; `status` is every answer but 2xx and 3xx.
    """

    requests: int
    seconds: float
    milliseconds: dict[str, float]
    errors: dict[str, int]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def fault(self) -> str:
        """Why the figure is worth nothing; "" where it is."""
        if any(self.errors.values()):
            found = [f"{count} {kind}" for kind, count in self.errors.items() if count]
            return f"errors: {', '.join(found)}"
        return "" if self.requests else "no answer in time"


def missing() -> bool:
    return shutil.which("wrk") is None


def wrk_version() -> str:
    done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, timeout=10)
    return done.stdout.partition(" [")[0].removeprefix("wrk ").strip()


def script(requests: Sequence[Request]) -> str:
    """wrk's Lua for these requests in turn, over and over; all of one path."""
    bodies = "\n".join(f"  {lua_string(request.body)}," for request in requests)
    return SCRIPT % {"bodies": bodies, "path": requests[0].path, "mark": MARK}


def lua_string(text: bytes) -> str:
    """A literal for JSON, which is ASCII without line breaks here.

    >>> lua_string(b'{"text": "a]]b"}')
    '[==[{"text": "a]]b"}]==]'
    """
    level = "=="
    while f"]{level}]".encode() in text:
        level += "="
    return f"[{level}[{text.decode('ascii')}]{level}]"


def run(port: int, requests: Sequence[Request], connections: int, seconds: float) -> Load:
    """
    Raises:
        LoadError: wrk failed.
    """
    with begun(port, requests, connections, seconds) as process:
        return finished(process, seconds)


@contextmanager
def begun(
    port: int, requests: Sequence[Request], connections: int, seconds: float
) -> Iterator[subprocess.Popen[str]]:
    """The load while it runs; it is ended with the block, whatever happens.

    Args:
        seconds: rounded up to whole ones, as wrk takes them.
    """
    with tempfile.TemporaryDirectory(prefix="manytone-load-") as folder:
        lua = Path(folder) / "load.lua"
        lua.write_text(script(requests))
        # One thread makes more load than two cores can answer, and takes least from them.
        command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "-s", str(lua)]
        command += ["--timeout", f"{TIMEOUT_SECONDS}s", f"http://127.0.0.1:{port}"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


def finished(process: subprocess.Popen[str], seconds: float) -> Load:
    """
    Args:
        seconds: how long it may still take, beside what an answer may.

    Raises:
        LoadError: wrk failed.
    """
    try:
        output, _ = process.communicate(timeout=seconds + TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LoadError("wrk did not end in time") from error
    return parsed(output)


def parsed(output: str) -> Load:
    """
    Raises:
        LoadError: there is no line of ours in it.
    """
    for line in output.splitlines():
        if line.startswith(MARK):
            return Load(**json.loads(line.removeprefix(MARK)))
    raise LoadError(f"wrk failed: {' '.join(output.split())[:300] or 'it said nothing'}")
