from __future__ import annotations

import hashlib
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from made_mirror import add_sums

from training.datasets import RemoteFile, Store
from training.datasets.fetch import Digest, Patience, digest_of
from training.errors import DataError

BODY = b"".join(b"line %d of a file that is fetched in the tests\n" % n for n in range(4000))
MD5: Digest = ("md5", hashlib.md5(BODY).hexdigest())
HURRIED = Patience(connect_s=1, read_s=1, attempts=3, pause_s=0.01, give_up_s=5)


class Answer(BaseHTTPRequestHandler):
    """Hands each request to the next function of the script; the last one stays."""

    server: Server

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        script = self.server.script
        (script.pop(0) if len(script) > 1 else script[0])(self)

    def log_message(self, *args: object) -> None:
        pass

    def give(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


Step = Callable[[Answer], None]


@dataclass
class Server(ThreadingHTTPServer):
    script: list[Step] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)

    def file(self, digest: Digest | None = MD5) -> RemoteFile:
        return RemoteFile(f"http://127.0.0.1:{self.server_port}/some/data.txt?x=1", digest)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", patience=HURRIED)


def whole(answer: Answer) -> None:
    answer.give(200, BODY)


def half(answer: Answer) -> None:
    """Promises everything and hangs up in the middle."""
    answer.give(200, BODY[: len(BODY) // 2], length=len(BODY))


def ranged(answer: Answer) -> None:
    begin = int(answer.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    if begin >= len(BODY):
        answer.give(416, b"", Content_Range=f"bytes */{len(BODY)}")
    else:
        extent = f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"
        answer.give(206, BODY[begin:], Content_Range=extent)


def status(code: int) -> Step:
    return lambda answer: answer.give(code, b"not now")


def content_of_part(store: Store, content: bytes) -> None:
    store.cache.mkdir()
    (store.cache / "data.txt.part").write_bytes(content)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"data.txt.lock"}


# --- a download that ends well ----------------------------------------------------------------


def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(
    server: Server, store: Store
) -> None:
    server.script = [whole]
    for _ in range(2):
        assert store.get(server.file()) == store.cache / "data.txt"
    assert (store.cache / "data.txt").read_bytes() == BODY
    assert names_in(store.cache) == {"data.txt"}
    assert server.ranges == [None]


@pytest.mark.parametrize(
    ("part", "script", "ranges"),
    [
        pytest.param(BODY[:700], [ranged], ["bytes=700-"], id="the server resumes"),
        pytest.param(BODY[:700], [whole], ["bytes=700-"], id="200: the server sends all of it"),
        pytest.param(BODY, [ranged], [f"bytes={len(BODY)}-"], id="416: it was complete"),
        pytest.param(
            BODY + b"more", [ranged, whole], [f"bytes={len(BODY) + 4}-", None], id="416: too long"
        ),
        pytest.param(
            b"x" * 700, [ranged, whole], ["bytes=700-", None], id="the part was of another file"
        ),
        pytest.param(
            BODY[:700],
            [lambda answer: answer.give(206, BODY, Content_Range="bytes 0-9/10"), whole],
            ["bytes=700-", None],
            id="206: other bytes than asked for",
        ),
    ],
)
def test_what_an_earlier_run_left_is_used_if_it_can_be(
    server: Server, store: Store, part: bytes, script: list[Step], ranges: list[str | None]
) -> None:
    content_of_part(store, part)
    server.script = script
    assert store.get(server.file()).read_bytes() == BODY
    assert server.ranges == ranges


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        pytest.param([half, ranged], 2, id="a truncated body, resumed"),
        pytest.param([half, half, whole], 3, id="a truncated body, and no resuming"),
        pytest.param([status(503), status(429), whole], 3, id="a busy server"),
        pytest.param([lambda answer: time.sleep(1.5), whole], 2, id="no answer in time"),
    ],
)
def test_a_transfer_that_fails_is_tried_again(
    server: Server, store: Store, script: list[Step], requests: int
) -> None:
    server.script = script
    assert store.get(server.file()).read_bytes() == BODY
    assert len(server.ranges) == requests


def test_bytes_are_kept_as_sent_even_if_the_server_calls_them_packed(
    server: Server, store: Store
) -> None:
    server.script = [lambda answer: answer.give(200, BODY, Content_Encoding="x-gzip")]
    assert store.get(server.file()).read_bytes() == BODY


def test_a_broken_file_in_the_cache_is_fetched_again(
    server: Server, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.cache.mkdir()
    (store.cache / "data.txt").write_bytes(BODY[:-1])
    server.script = [whole]
    assert store.get(server.file()).read_bytes() == BODY
    assert "fetching it again" in caplog.text


def test_ctrl_c_leaves_the_bytes_so_far_for_the_next_run(server: Server, store: Store) -> None:
    gone = threading.Event()

    def interrupted(answer: Answer) -> None:
        half(answer)
        part = store.cache / "data.txt.part"
        while not part.exists():
            time.sleep(0.01)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        gone.wait(5)

    server.script = [interrupted, ranged]
    with pytest.raises(KeyboardInterrupt):
        store.get(server.file())
    gone.set()
    assert 0 < (store.cache / "data.txt.part").stat().st_size < len(BODY)
    assert store.get(server.file()).read_bytes() == BODY


def test_two_processes_that_want_one_file_fetch_it_once(server: Server, store: Store) -> None:
    def slow(answer: Answer) -> None:
        time.sleep(0.3)
        whole(answer)

    server.script = [slow]
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=store.get, args=(server.file(),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert server.ranges == [None]
    assert (store.cache / "data.txt").read_bytes() == BODY


# --- a file whose digest nobody publishes -----------------------------------------------------


def test_without_a_published_digest_the_first_download_sets_it(
    server: Server, store: Store
) -> None:
    server.script = [whole, lambda answer: answer.give(200, b"another file")]
    file = server.file(digest=None)
    store.get(file)
    record = store.cache / "data.txt.sha256"
    assert record.read_text() == f"{hashlib.sha256(BODY).hexdigest()}  data.txt\n"

    (store.cache / "data.txt").unlink()
    with pytest.raises(DataError, match=r"delete data\.txt\.sha256"):
        store.get(file)


def test_a_file_put_by_hand_that_has_no_address_is_checked_from_then_on(store: Store) -> None:
    file = RemoteFile(None, local_name="extra.gz")
    with pytest.raises(DataError, match=r"extra\.gz: missing.*by hand"):
        store.get(file)
    (store.cache / "extra.gz").write_bytes(b"by hand")
    assert store.holds(file)
    assert store.get(file).read_bytes() == b"by hand"
    (store.cache / "extra.gz").write_bytes(b"changed")
    with pytest.raises(DataError, match=r"not what it was .* delete extra\.gz\.sha256"):
        store.get(file)


# --- a download that fails --------------------------------------------------------------------


def test_a_wrong_digest_is_refused_and_leaves_nothing(server: Server, store: Store) -> None:
    server.script = [lambda answer: answer.give(200, b"please log in")]
    with pytest.raises(DataError) as caught:
        store.get(server.file())
    found = hashlib.md5(b"please log in").hexdigest()
    for part in (str(server.file().url), found, MD5[1], "by hand"):
        assert part in str(caught.value)
    assert names_in(store.cache) == set()
    assert len(server.ranges) == 1


def test_a_missing_page_is_not_asked_for_twice(server: Server, store: Store) -> None:
    server.script = [status(404)]
    with pytest.raises(DataError, match="404 Not Found"):
        store.get(server.file())
    assert len(server.ranges) == 1


def test_attempts_are_bounded_and_the_bytes_so_far_are_kept(server: Server, store: Store) -> None:
    server.script = [half]
    with pytest.raises(DataError, match="DATASET_MIRROR=DIR"):
        store.get(server.file())
    assert len(server.ranges) == HURRIED.attempts
    assert names_in(store.cache) == {"data.txt.part"}


def test_without_a_network_one_clear_error_names_the_address(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/data.txt"
    begin = time.monotonic()
    with pytest.raises(DataError) as caught:
        store.get(RemoteFile(url, MD5))
    for part in (f"cannot download {url}", "refused", "DATASET_MIRROR=DIR", str(store.cache)):
        assert part in str(caught.value)
    assert time.monotonic() - begin < 5


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="MANYTONE_CACHE=DIR"):
        Store(tmp_path / "file" / "cache", patience=HURRIED).get(RemoteFile("http://x/y", MD5))


# --- the mirror -------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "data.txt").write_bytes(BODY)
    add_sums(folder)
    return folder


def from_mirror(mirror: Path) -> Path:
    # The address would refuse: a mirror must answer alone. The MD5 is of the public file's bytes,
    # which a mirror need not have.
    file = RemoteFile("http://127.0.0.1:9/data.txt", ("md5", "0" * 32))
    return Store(mirror / "no cache", mirror, HURRIED).get(file)


@pytest.mark.parametrize("mark", [" ", "*", " ./"], ids=["text", "binary", "with a path"])
def test_a_mirror_is_checked_against_its_own_sums(mirror: Path, mark: str) -> None:
    sums = f"{'0' * 64}  other\n{hashlib.sha256(BODY).hexdigest().upper()} {mark}data.txt\n"
    (mirror / "SHA256SUMS").write_text(sums)
    assert from_mirror(mirror) == mirror / "data.txt"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda m: m.rename(m.with_name("moved")), "is not a folder", id="folder"),
        pytest.param(lambda m: (m / "data.txt").unlink(), "data.txt: no such file", id="file"),
        pytest.param(lambda m: (m / "SHA256SUMS").unlink(), "SHA256SUMS: no such file", id="sums"),
        pytest.param(lambda m: (m / "SHA256SUMS").write_text(""), "no line for data", id="line"),
        pytest.param(lambda m: (m / "data.txt").write_bytes(b"x"), "SHA256SUMS says", id="digest"),
    ],
)
def test_a_mirror_that_lacks_something_is_an_error_and_not_a_download(
    mirror: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(mirror)
    with pytest.raises(DataError, match=message):
        from_mirror(mirror)


# --- small things -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, Store(Path.home() / ".cache/manytone"), id="nothing set"),
        pytest.param(
            {"MANYTONE_CACHE": "/c", "DATASET_MIRROR": "/m"},
            Store(Path("/c"), Path("/m")),
            id="set",
        ),
        pytest.param(
            {"MANYTONE_CACHE": "", "DATASET_MIRROR": ""},
            Store(Path.home() / ".cache/manytone"),
            id="set to nothing",
        ),
    ],
)
def test_a_store_is_read_from_the_environment(environ: dict[str, str], expected: Store) -> None:
    assert Store.from_env(environ) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # `printf hello | md5sum`, `| sha256sum` and `| git hash-object --stdin`.
        ("md5", "5d41402abc4b2a76b9719d911017c592"),
        ("sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
        ("git-blob-sha1", "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"),
    ],
)
def test_digests_are_those_of_the_usual_tools(tmp_path: Path, kind: str, expected: str) -> None:
    (tmp_path / "hello").write_bytes(b"hello")
    assert digest_of(tmp_path / "hello", kind) == expected
