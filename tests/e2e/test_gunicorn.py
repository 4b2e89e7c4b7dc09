"""The service as it really runs: gunicorn, its workers, sockets and signals."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from local_http import free_port
from prometheus_client.parser import text_string_to_metric_families

from service.settings import usable_cores

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads Linux's /proc"),
]

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "service/gunicorn.conf.py", "service.wsgi:app"]

READY_SECONDS = 60  # on a machine with much else to do
STOP_SECONDS = 45  # longer than graceful_timeout
REFUSE_SECONDS = 60


def environment(port, models_dir, **settings):
    """What the service sees: nothing of this machine's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ours = {"PORT": port, "MODELS_DIR": models_dir, "WORKERS": 1, "THREADS": 8, "DEVICE": "cpu"}
    return kept | {name: str(value) for name, value in {**ours, **settings}.items()}


@dataclass
class Service:
    process: subprocess.Popen
    port: int
    log: Path

    def connection(self):
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30))

    def status(self, path):
        with self.connection() as connection:
            return ask(connection, "GET", path)[0]

    def workers(self):
        """The ids of gunicorn's worker processes."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(child) for child in children.split()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


def ask(connection, method, path, body=None, headers=None):
    """Status, headers and body of the answer, read to its end."""
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def post(connection, body, content_type="application/json"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(connection, "POST", "/predict", data, {"Content-Type": content_type})


def eventually(condition, seconds, service):
    """Wait until the condition holds; what is not up yet may refuse connections."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (ConnectionError, http.client.HTTPException):
            pass
        if service.process.poll() is not None:
            break
        time.sleep(0.02)
    pytest.fail(f"exit status {service.process.poll()}\n{service.log.read_text()}")


@pytest.fixture
def serving(models_dir, tmp_path):
    """A context manager: the service, ready; it and its workers are gone afterwards."""

    @contextmanager
    def serve(port=None, **settings):
        port = port or free_port()
        log = tmp_path / f"log-{port}"
        began = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                COMMAND,
                cwd=ROOT,
                env=environment(port, models_dir, **settings),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        service = Service(process, port, log)
        try:
            wanted = int(settings.get("WORKERS", 1))
            eventually(
                lambda: (
                    log.read_text().count("ready on http://") == wanted
                    and service.status("/readyz") == 200
                ),
                READY_SECONDS,
                service,
            )
            print(f"\n{wanted} worker(s) ready after {time.monotonic() - began:.1f} s")
            yield service
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    return serve


def refused(port, models_dir, **settings):
    """The lines and the exit status of a service that cannot start."""
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment(port, models_dir, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=REFUSE_SECONDS,
    )
    return done.stdout, done.returncode


def assert_one_clear_line(output, status, *parts):
    assert status != 0
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if "manytone cannot start: " in line]
    assert len(lines) == 1, output
    for part in parts:
        assert part in lines[0]


# --- Answers ----------------------------------------------------------------------------------


def established(port):
    """The inodes of the server's ends of the connections to a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}


def held_by(pid, inodes):
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        found |= {inode for inode in inodes if target == f"socket:[{inode}]"}
    return found


def test_two_workers_answer_and_both_get_requests(serving):
    with serving(WORKERS=2) as service:
        assert len(service.workers()) == 2
        connections = [
            http.client.HTTPConnection("127.0.0.1", service.port, timeout=30) for _ in range(40)
        ]
        try:
            for place, connection in enumerate(connections):
                text, model = (("good", "reviews-en"), ("좋다", "reviews-ko"))[place % 2]
                status, _, body = post(connection, {"text": text})
                assert (status, json.loads(body)["model"]) == (200, model)
            inodes = established(service.port)
            shares = [len(held_by(pid, inodes)) for pid in service.workers()]
            assert sum(shares) == 40
            assert min(shares) > 0, shares  # by chance: once in 2^39
        finally:
            for connection in connections:
                connection.close()
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_as_it_comes_it_has_a_worker_per_core_that_runs_the_network_itself(serving):
    with serving(WORKERS=usable_cores()) as service:
        for _ in range(4 * usable_cores()):
            with service.connection() as connection:
                status, headers, body = post(connection, {"texts": ["good", "좋다"]})
            assert status == 200
            found = [prediction["model"] for prediction in json.loads(body)["predictions"]]
            assert found == ["reviews-en", "reviews-ko"]
            assert "network;dur=" in headers["Server-Timing"]
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_what_workers_import_is_shared_and_no_thread_is_lost_in_a_fork(serving):
    with serving(WORKERS=2) as service:
        assert len(list(Path(f"/proc/{service.process.pid}/task").iterdir())) == 1
        for worker in service.workers():
            rollup = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()[1:]
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in rollup}
            assert kilobytes["Shared_Dirty"] > 50_000  # nothing but what was there before the fork


def test_many_clients_at_once_all_get_their_own_answer(serving):
    texts = [f"{'good ' * (place % 7)}film number {place}" for place in range(24)]
    with serving(THREADS=32) as service:
        with service.connection() as connection:
            alone = [json.loads(post(connection, {"text": text})[2]) for text in texts]
        together = [None] * len(texts)

        def one(place):
            with service.connection() as connection:
                together[place] = json.loads(post(connection, {"text": texts[place]})[2])

        clients = [threading.Thread(target=one, args=(place,)) for place in range(len(texts))]
        for client in clients:
            client.start()
        for client in clients:
            client.join(30)
        for ours, theirs in zip(together, alone, strict=True):
            assert ours["tokens"] == theirs["tokens"]
            assert ours["scores"] == pytest.approx(theirs["scores"], abs=1e-5)


UNREAD = [
    pytest.param("/predict", "text/plain", 415, id="415"),
    pytest.param("/nothing", "application/json", 404, id="404"),
    pytest.param("/livez", "application/json", 405, id="405"),
    pytest.param("/predict", "application/json", 413, id="413"),
]


def refuse(connection, path, body, content_type, expected):
    """Send a body that is not read; the refusal arrives whole."""
    status, headers, answer = ask(connection, "POST", path, body, {"Content-Type": content_type})
    assert (status, json.loads(answer)["status"]) == (expected, expected)
    assert headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "content_type", "expected"), UNREAD)
def test_a_kept_connection_goes_on_after_a_body_that_was_not_wanted(
    serving, path, content_type, expected
):
    with serving() as service, service.connection() as connection:
        for size in (5 << 20, 5 << 20, 40 << 20):
            refuse(connection, path, b"x" * size, content_type, expected)
            assert ask(connection, "GET", "/livez")[0] == 200


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        pytest.param([b'{"text":', b' "good"}'], 200, id="small"),
        pytest.param([b"x" * 65_536] * 70, 413, id="over the limit"),
    ],
)
def test_a_body_may_come_in_chunks_of_no_stated_length(serving, chunks, expected):
    with serving() as service, service.connection() as connection:
        connection.request(
            "POST",
            "/predict",
            iter(chunks),
            {"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )
        response = connection.getresponse()
        response.read()
        assert response.status == expected
        assert ask(connection, "GET", "/livez")[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"Content-Length: 9999\r\n\r\n{", id="cut short"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="malformed chunks"),
    ],
)
def test_a_client_that_breaks_off_leaves_no_traceback_and_the_service_goes_on(serving, request_):
    with serving() as service:
        for path in (b"/predict", b"/nothing"):
            with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
                head = (
                    b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                )
                client.sendall(head + request_)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 404", b"")
        assert service.status("/readyz") == 200
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_health_checks_answer_while_all_that_may_predict_do(serving):
    """8 threads, a network that is busy for seconds, and more requests than may wait."""
    texts = ["good film and bad story " * 20] * 5_000
    settings = {"BATCH_TEXTS": 1, "MAX_TEXTS": 5_000, "QUEUE_TEXTS": 1_000_000}
    with serving(THREADS=8, DEADLINE_SECONDS=5, **settings) as service:
        body = json.dumps({"texts": texts}).encode()
        statuses = []

        def one():
            with service.connection() as connection:
                statuses.append(post(connection, body)[0])

        clients = [threading.Thread(target=one) for _ in range(8)]
        for client in clients:
            client.start()
        waited = []
        while any(client.is_alive() for client in clients):
            began = time.monotonic()
            assert service.status("/livez") == 200
            assert service.status("/readyz") == 200
            waited.append(time.monotonic() - began)
            time.sleep(0.1)
        print(f"\nhealth checks under load: at most {max(waited):.2f} s; {sorted(statuses)}")
        assert len(statuses) == 8
        assert set(statuses) <= {200, 503, 504}
        assert 503 in statuses
        assert sorted(waited)[len(waited) // 2] < 1
        assert max(waited) < 5


# --- Keys and limits --------------------------------------------------------------------------

KEY, NEW_KEY = "0123456789abcdef", "fedcba9876543210"


def ask_with(service, key, path="/models"):
    """The status of one request on a connection of its own, which any worker may get."""
    with service.connection() as connection:
        return ask(connection, "GET", path, headers={"X-API-Key": key})[0]


def test_keys_turn_in_all_workers_without_a_restart(serving, tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"shop:{KEY}\n")
    with serving(WORKERS=2, API_KEYS_FILE=path) as service:
        workers = service.workers()
        assert {ask_with(service, KEY) for _ in range(20)} == {200}
        assert {ask_with(service, "wrong") for _ in range(20)} == {401}
        turned = tmp_path / "turned"
        turned.write_text(f"shop:{NEW_KEY}\n")
        turned.replace(path)
        eventually(lambda: ask_with(service, NEW_KEY) == 200, 10, service)
        time.sleep(1.2)  # until every worker has looked, at its next request
        answered = [ask_with(service, key) for _ in range(40) for key in (NEW_KEY, KEY)]
        assert answered.count(200) == answered.count(401) == 40
        path.write_text("shop:too-short\n")
        time.sleep(1.2)
        assert {ask_with(service, NEW_KEY) for _ in range(20)} == {200}
        assert service.workers() == workers
        log = service.log.read_text()
        assert "line 1: the key has 9 characters" in log
        for secret in (KEY, NEW_KEY, "too-short"):
            assert secret not in log


def test_a_bad_file_of_keys_stops_the_start_with_one_clear_line(models_dir, tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"# ours\nshop:{KEY[:-1]}\n")
    output, status = refused(free_port(), models_dir, WORKERS=2, API_KEYS_FILE=path)
    assert_one_clear_line(output, status, f"{path}, line 2", "15 characters, expected 16")
    assert KEY[:-1] not in output


def test_each_worker_counts_for_itself_and_the_log_says_so(serving):
    """Forty connections over two workers: each gets five or more, but once in 10^6 times."""
    with serving(WORKERS=2, RATE_LIMIT="5/day") as service:
        answered = [ask_with(service, "") for _ in range(40)]
        assert sorted(answered) == [200] * 10 + [429] * 30
        assert {service.status("/livez") for _ in range(20)} == {200}
        assert "each of the 2 workers counts for itself" in service.log.read_text()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs Redis: no `redis-server`")
def test_with_redis_all_workers_count_together(serving, tmp_path):
    port = free_port()
    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path))
    redis = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        storage = f"redis://127.0.0.1:{port}"
        with serving(WORKERS=2, RATE_LIMIT="10/day", RATE_LIMIT_STORAGE=storage) as service:
            answered = [ask_with(service, "") for _ in range(40)]
            assert sorted(answered) == [200] * 10 + [429] * 30
            redis.kill()
            assert ask_with(service, "") == 200
            log = service.log.read_text()
            assert "RATE_LIMIT_STORAGE does not answer" in log
            assert "counts for itself, so" not in log
    finally:
        redis.kill()
        redis.wait()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"API_KEYS": f"shop:{KEY}"}, 401, id="401"),
        pytest.param({"RATE_LIMIT": "1/day"}, 429, id="429"),
    ],
)
def test_a_kept_connection_goes_on_after_a_body_that_was_refused_unread(
    serving, settings, expected
):
    with serving(**settings) as service:
        ask_with(service, "")
        with service.connection() as connection:
            for size in (5 << 20, 40 << 20):
                refuse(connection, "/predict", b"x" * size, "application/json", expected)
                assert ask(connection, "GET", "/livez")[0] == 200


# --- The end ----------------------------------------------------------------------------------


def test_told_to_stop_it_answers_what_is_under_way(serving):
    with serving(WORKERS=2) as service:
        body = json.dumps({"text": "good film"}).encode()
        with service.connection() as connection:
            connection.putrequest("POST", "/predict")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body[:5])  # a worker's thread has it now, and waits for the rest
            # One that no worker has taken up yet has no inode.
            eventually(lambda: established(service.port) - {"0"}, READY_SECONDS, service)
            service.process.send_signal(signal.SIGTERM)
            eventually(
                lambda: "Handling signal: term" in service.log.read_text(), STOP_SECONDS, service
            )
            eventually(lambda: refuses_connections(service.port), STOP_SECONDS, service)
            connection.send(body[5:])
            response = connection.getresponse()
            assert response.status == 200
            assert json.loads(response.read())["model"] == "reviews-en"
        assert service.process.wait(STOP_SECONDS) == 0
        assert "Traceback" not in service.log.read_text()


def refuses_connections(port):
    """Whether nothing accepts on the port: a worker that has stopped accepting but still listens
    lets a connection wait, so that only an answer counts."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as probe:
            probe.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return probe.recv(1) == b""
    except OSError:
        return True


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "Ctrl-C"])
def test_an_idle_service_stops_at_once_with_status_0(serving, signal_):
    with serving() as service:
        began = time.monotonic()
        service.process.send_signal(signal_)
        assert service.process.wait(STOP_SECONDS) == 0
        assert time.monotonic() - began < 10
        assert "Traceback" not in service.log.read_text()


def test_a_worker_that_was_killed_is_replaced(serving):
    with serving() as service:
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        eventually(
            lambda: (
                service.log.read_text().count("ready on http://") == 2
                and service.status("/readyz") == 200
            ),
            READY_SECONDS,
            service,
        )
        assert service.workers() != [worker]


def test_a_key_file_that_has_gone_bad_takes_no_worker_with_it(serving, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(f"shop:{'k' * 32}\n")
    with serving(WORKERS=2, API_KEYS_FILE=keys) as service:
        keys.write_text("broken")
        one, other = service.workers()
        os.kill(one, signal.SIGKILL)
        told = "no worker can take the place"
        eventually(lambda: told in service.log.read_text(), READY_SECONDS, service)
        for _ in range(10):  # nobody is sent to who does not serve
            assert service.status("/livez") == 200
        assert other in service.workers()
        (line, *_) = [line for line in service.log.read_text().splitlines() if told in line]
        left = f"*_{json.loads(line)['process']}.db"  # what each that fails would leave behind
        folder = mapped_folder(other)
        eventually(lambda: not list(folder.glob(left)), READY_SECONDS, service)
        keys.write_text(f"shop:{'k' * 32}\n")
        eventually(
            lambda: service.log.read_text().count("ready on http://") == 3, READY_SECONDS, service
        )
        assert service.stop() == 0


# --- Seen from outside ------------------------------------------------------------------------


def scraped(service):
    """The sum of each series over all its labels, from whichever worker takes the connection."""
    with service.connection() as connection:
        page = ask(connection, "GET", "/metrics")[2].decode()
    found = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found


def predict_on_new_connections(service, requests):
    """The kernel deals connections out to the workers."""
    for _ in range(requests):
        with service.connection() as connection:
            assert post(connection, {"texts": ["good", "좋다"]})[0] == 200


def mapped_folder(pid):
    """Where a worker has its metrics."""
    (folder,) = {
        Path(line.split()[-1]).parent
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines()
        if line.endswith(f"_{pid}.db")
    }
    return folder


def metrics_folder(service):
    """Where all workers have their metrics."""
    (folder,) = {mapped_folder(pid) for pid in service.workers()}
    return folder


def test_whichever_worker_is_asked_the_numbers_are_those_of_all(serving):
    with serving(WORKERS=2) as service:
        before = scraped(service)
        predict_on_new_connections(service, 30)
        for place in range(12):  # both workers answer: one alone by chance once in 2,048
            found = scraped(service)
            assert (
                found["manytone_requests_total"] == before["manytone_requests_total"] + 31 + place
            )
            assert found["manytone_predictions_total"] == 60
            assert found["manytone_queue_seconds_count"] == 30
            assert found["manytone_requests_in_flight"] == 1
            assert found["manytone_model_info"] == 2
        # A pass is counted once its answers are out.
        eventually(lambda: scraped(service)["manytone_batch_texts_sum"] == 60, 10, service)


def test_what_no_application_saw_is_counted_too(serving):
    with serving() as service:
        before = scraped(service)["manytone_requests_total"]
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as client:
            client.sendall(b"hello\r\n\r\n")
            assert client.recv(1_000).startswith(b"HTTP/1.1 400 ")
        assert scraped(service)["manytone_requests_total"] == before + 2  # the first scrape as well


def test_what_a_dead_worker_counted_stays_and_what_it_had_in_hand_does_not(serving):
    with serving(WORKERS=2) as service:
        predict_on_new_connections(service, 20)
        folder = metrics_folder(service)
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        eventually(
            lambda: (
                service.log.read_text().count("ready on http://") == 4
                and service.status("/readyz") == 200
            ),
            READY_SECONDS,
            service,
        )
        predict_on_new_connections(service, 5)
        found = scraped(service)
        assert found["manytone_predictions_total"] == 50
        assert found["manytone_requests_in_flight"] == 1
        assert len(list(folder.glob("gauge_liveall_*.db"))) == 2
        assert service.stop() == 0
        assert not folder.exists()


def test_numbers_and_workers_outlive_a_look_at_the_bundles(serving):
    with serving() as service:
        predict_on_new_connections(service, 3)
        folder, workers = metrics_folder(service), service.workers()
        service.process.send_signal(signal.SIGHUP)
        predict_on_new_connections(service, 3)
        assert (metrics_folder(service), service.workers()) == (folder, workers)
        assert scraped(service)["manytone_predictions_total"] == 12
        assert service.stop() == 0
        assert not folder.exists()


def test_a_folder_of_ones_own_is_wiped_first_and_stays(serving, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"of an earlier run")
    with serving(PROMETHEUS_MULTIPROC_DIR=folder) as service:
        predict_on_new_connections(service, 1)
        assert metrics_folder(service) == folder
        assert scraped(service)["manytone_predictions_total"] == 2
        assert service.stop() == 0
    assert folder.is_dir()


def test_every_line_of_the_log_is_json_and_one_that_is_wanted_has_the_id(serving):
    with serving(ACCESS_LOG=1) as service:
        headers = {"Content-Type": "application/json", "X-Request-Id": "mine"}
        with service.connection() as connection:
            status, answered, _ = ask(connection, "POST", "/predict", b'{"text": "good"}', headers)
        assert (status, answered["X-Request-Id"]) == (200, "mine")
        assert answered["Server-Timing"].startswith("queue;dur=")
        assert service.stop() == 0
        lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {"gunicorn.error", "service.folder", "service.observe"} == {
        line["logger"] for line in lines
    }
    (line,) = [line for line in lines if line.get("request_id") == "mine"]
    assert (line["route"], line["status"]) == ("/predict", 200)


def test_spans_reach_a_collector(serving):
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.http",
        reason="OpenTelemetry is an extra that is not installed: make setup-otel",
    )
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):  # http.server's name for it
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        with serving(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint) as service:
            predict_on_new_connections(service, 2)
            assert service.stop() == 0  # what is left is sent when it ends
        collector.shutdown()
    assert {path for path, _ in bodies} == {"/v1/traces"}
    sent = b"".join(body for _, body in bodies)
    assert sent.count(b"POST /predict") == 2
    for name in (b"manytone", b"tokenize", b"queue", b"network"):
        assert name in sent


# --- Starts that are refused ------------------------------------------------------------------


def test_a_port_that_another_program_has_is_refused(models_dir):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        output, status = refused(port, models_dir, WORKERS=2)
    assert_one_clear_line(output, status, f"PORT={port}", "Address already in use")


def test_a_second_service_on_the_same_port_is_refused(serving, models_dir):
    with serving() as service:
        output, status = refused(service.port, models_dir)
        assert_one_clear_line(output, status, f"PORT={service.port}", "already in use")
        assert service.status("/readyz") == 200


def test_a_port_just_left_is_taken_again(serving):
    with serving() as first, first.connection() as connection:
        assert post(connection, {"text": "good"})[0] == 200
        assert first.stop() == 0
    with serving(port=first.port) as second:
        assert second.status("/livez") == 200


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        pytest.param({"PORT": "abc"}, ["PORT='abc'", "1 to 65535"], id="a port of letters"),
        pytest.param({"PORT": "70000"}, ["PORT='70000'"], id="a port too high"),
        pytest.param(
            {"HOST": "no such host"}, ["HOST=no such host", "0.0.0.0 for all"], id="no such host"
        ),
        pytest.param(
            {"HOST": "203.0.113.1"},
            ["HOST=203.0.113.1", "address of this machine"],
            id="another machine's address",
        ),
        pytest.param({"WORKERS": "0"}, ["WORKERS='0'"], id="no workers"),
        pytest.param({"DEVICE": "gpu"}, ["DEVICE='gpu'", "cuda:N"], id="an unknown device"),
        pytest.param({"DEVICE": "cuda:7"}, ["DEVICE='cuda:7'", "cpu works"], id="a missing GPU"),
        pytest.param({"LOG_LEVEL": "loud"}, ["LOG_LEVEL='loud'"], id="an unknown log level"),
        pytest.param(
            {"PROMETHEUS_MULTIPROC_DIR": "/dev/null/metrics"},
            ["PROMETHEUS_MULTIPROC_DIR='/dev/null/metrics'", "Not a directory"],
            id="no folder for the metrics",
        ),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_clear_line(models_dir, settings, parts):
    output, status = refused(free_port(), models_dir, **settings)
    assert_one_clear_line(output, status, *parts)


@pytest.fixture
def folder(models_dir, tmp_path):
    folder = tmp_path / "some-models"
    shutil.copytree(models_dir, folder)
    return folder


def test_a_bad_bundle_stops_the_start_with_one_clear_line(folder):
    bundle = folder / "reviews-ko.pt"
    bundle.write_bytes(bundle.read_bytes()[:50_000])
    output, status = refused(free_port(), folder)
    assert_one_clear_line(output, status, str(bundle), "cut short", "make train")


def test_a_bad_bundle_stops_several_workers_and_leaves_none(folder):
    (folder / "worse.pt").write_text("no bundle")
    output, status = refused(free_port(), folder, WORKERS=3)
    # Each worker says so. gunicorn adds a traceback of its own when two end at the same moment.
    assert status != 0
    assert "manytone cannot start: " in output


def test_an_empty_folder_stops_the_start_with_one_clear_line(tmp_path):
    output, status = refused(free_port(), tmp_path)
    assert_one_clear_line(output, status, str(tmp_path), "MODELS_DIR", "make train")


def test_a_missing_folder_stops_the_start_with_one_clear_line(tmp_path):
    output, status = refused(free_port(), tmp_path / "none")
    assert_one_clear_line(output, status, str(tmp_path / "none"), "MODELS_DIR")
