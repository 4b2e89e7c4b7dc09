"""Bundles are swapped under a service that really runs: gunicorn, two workers, signals, load."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from local_http import free_port
from test_gunicorn import (
    COMMAND,
    READY_SECONDS,
    ROOT,
    STOP_SECONDS,
    Service,
    ask,
    environment,
    eventually,
    post,
    pytestmark,  # noqa: F401  # the same conditions
)

from service.bundle import save_bundle
from service.rollback import previous_of

WORKERS = 2
CLIENTS = 4
SWAP_SECONDS = 20  # on a machine with much else to do
TEXTS = ["good", "The film was good", "a bad story", "Not bad at all!", "two hours", "gone " * 40]


@pytest.fixture(scope="module")
def bundles(make_tiny_bundle):
    """Two bundles of one name that answer otherwise."""
    return [make_tiny_bundle("reviews-en", seed=seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def versions(bundles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    for number, bundle in enumerate(bundles):
        save_bundle(folder / f"{number}.pt", bundle)
    return [folder / "0.pt", folder / "1.pt"]


@pytest.fixture
def path(versions, tmp_path):
    path = tmp_path / "models" / "reviews-en.pt"
    path.parent.mkdir()
    shutil.copy(versions[0], path)
    return path


@contextmanager
def serving(path, **settings):
    """The service over the folder of `path`, ready; gone afterwards."""
    port, log = free_port(), path.parent.parent / "log"
    settings = {"WORKERS": WORKERS, "THREADS": 32, "OMP_NUM_THREADS": 1, **settings}
    with log.open("wb") as output:
        process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            env=environment(port, path.parent, **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    service = Service(process, port, log)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def said(service, line, times=WORKERS):
    """Wait until the log has that line so many times."""
    eventually(lambda: service.log.read_text().count(line) == times, READY_SECONDS, service)


def install(source, path):
    aside = path.with_suffix(".tmp")
    shutil.copy(source, aside)
    aside.replace(path)


class Load:
    """Clients that keep their connections and ask again and again; each failure is kept."""

    def __init__(self, port):
        self.answers, self.failures, self.seconds = [], [], []
        self._port = port
        self._going = True
        self._threads = [threading.Thread(target=self._predict) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._ready))

    def _predict(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while self._going:
            began = time.monotonic()
            try:
                status, _, body = post(connection, {"texts": TEXTS})
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            self.seconds.append(time.monotonic() - began)
            if status != 200:
                self.failures.append(body)
            else:
                found = json.loads(body)["predictions"]
                self.answers.append([one["scores"]["positive"] for one in found])
            time.sleep(0.01)  # leave the workers some of the machine's time for their swaps
        connection.close()

    def _ready(self):
        while self._going:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                if ask(connection, "GET", "/readyz")[0] != 200:
                    self.failures.append("not ready")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"readyz: {error!r}")
            connection.close()
            time.sleep(0.05)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._going = False
        for thread in self._threads:
            thread.join(60)


def assert_whole(answers, bundles):
    """Every answer to all texts is that of one bundle; both gave some."""
    given = [[bundle.answer(text).probabilities[1] for text in TEXTS] for bundle in bundles]
    counts = [sum(found == pytest.approx(one, abs=1e-4) for found in answers) for one in given]
    assert given[0] != pytest.approx(given[1], abs=1e-2)
    assert sum(counts) == len(answers)
    assert min(counts) > 0
    return counts


@pytest.mark.parametrize(
    ("swaps", "settings"),
    [
        pytest.param(50, {}, id="by SIGHUP"),
        pytest.param(10, {"MODELS_WATCH": "0.2"}, id="by watching the folder"),
    ],
)
def test_swaps_under_load_fail_no_request_and_mix_no_answer(
    path, versions, bundles, swaps, settings
):
    with serving(path, **settings) as service:
        said(service, "ready on http://")
        workers = service.workers()
        with Load(service.port) as load:
            time.sleep(0.5)
            while not load.seconds and not load.failures:
                time.sleep(0.05)
            calm = len(load.seconds)
            began = time.monotonic()
            for swap in range(1, swaps + 1):
                install(versions[swap % 2], path)
                if not settings:
                    service.process.send_signal(signal.SIGHUP)
                said(service, "serving reviews-en", swap * WORKERS)
            took = time.monotonic() - began
        assert load.failures == []
        counts = assert_whole(load.answers, bundles)
        median = sorted(load.seconds[:calm])[calm // 2]
        print(
            f"\n{swaps} swaps in {took:.1f} s, {len(load.answers)} requests, {counts} by each; "
            f"longest answer {max(load.seconds):.3f} s (median before: {median:.3f} s)"
        )
        assert service.workers() == workers
        assert service.stop() == 0
        assert "Traceback" not in service.log.read_text()


def test_a_bad_file_harms_nobody_not_even_a_new_worker_and_a_rollback_ends_it(path, versions):
    with serving(path, MODELS_WATCH="0.2") as service:
        said(service, "ready on http://")
        with service.connection() as connection:
            before = post(connection, {"texts": TEXTS})[2]
        path.write_bytes(versions[1].read_bytes()[:-100])
        said(service, "not taken, what was served before goes on")
        assert previous_of(path).read_bytes() == versions[0].read_bytes()
        for worker in service.workers():
            os.kill(worker, signal.SIGKILL)
        said(service, "ready on http://", 2 * WORKERS)
        said(service, "not taken, what was served before goes on", 2 * WORKERS)
        with service.connection() as connection:
            assert post(connection, {"texts": TEXTS})[2] == before
            (problem,) = json.loads(ask(connection, "GET", "/models")[2])["problems"]
            assert problem["file"] == "reviews-en.pt"
        command = [sys.executable, "-m", "service", "rollback", "reviews-en"]
        subprocess.run(command, cwd=ROOT, env=environment(0, path.parent, PORT=""), check=True)
        assert path.read_bytes() == versions[0].read_bytes()

        def no_problem():
            with service.connection() as connection:
                return json.loads(ask(connection, "GET", "/models")[2])["problems"] == []

        for _ in range(4):  # whichever worker answers
            eventually(no_problem, SWAP_SECONDS, service)
        assert service.stop() == 0


def test_a_signal_while_workers_are_loading_is_kept_for_later(path, versions):
    with serving(path) as service:
        said(service, "Booting worker with pid")
        install(versions[1], path)
        service.process.send_signal(signal.SIGHUP)
        said(service, "ready on http://")
        said(service, "Booting worker with pid")  # none was replaced
        assert "was sent SIGHUP" not in service.log.read_text()
        assert service.stop() == 0
