"""gunicorn's settings (https://docs.gunicorn.org/en/stable/settings.html), each with its reason."""

import logging
import os
import signal
import socket
import sys
from pathlib import Path

from service.archive import find_bundles, read_file, read_parts
from service.errors import SettingsError, StartError
from service.keys import Keys
from service.settings import Settings

try:
    settings = Settings.from_env(os.environ)
except SettingsError as error:
    sys.exit(f"manytone cannot start: {error}")

# Before torch is imported: each worker's pool gets its share of the cores, not all of them.
os.environ.setdefault("OMP_NUM_THREADS", str(settings.network_threads))

host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.port}"
workers = settings.workers
worker_class = "gthread"  # a thread waits for the network while others parse and answer
threads = settings.threads
reuse_port = True  # without it all kept-alive connections may end on one worker
preload_app = False  # a lock that torch holds at the fork would never open again
keepalive = 75  # seconds; longer than the usual load balancer's 60, so that it closes first
timeout = 60  # seconds without a sign of life before a worker is replaced: a heartbeat, no deadline
graceful_timeout = 30  # seconds for answers under way when told to stop
# The heartbeat never waits for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True  # it wants a writable home, which a container does not have
loglevel = settings.log_level
errorlog = "-"
accesslog = None  # a line per request costs more than the request's JSON


def on_starting(server):
    """Say once, before there are workers, what would keep each of them from starting."""
    refuse_bad_bundles_and_keys()
    refuse_taken_port()
    if settings.rate_limit and settings.workers > 1 and not settings.rate_limit_storage:
        server.log.warning(
            "RATE_LIMIT: each of the %d workers counts for itself, so that a client with several "
            "connections may get that many times as much; RATE_LIMIT_STORAGE counts for all",
            settings.workers,
        )


def refuse_bad_bundles_and_keys():
    # Without torch, in a moment. Whether the network answers as it did is for the workers to see.
    try:
        for path in find_bundles(settings.models_dir):
            read_parts(read_file(path), path)
        if settings.api_keys or settings.api_keys_file:
            Keys(settings.api_keys, settings.api_keys_file)
    except StartError as error:
        sys.exit(f"manytone cannot start: {error}")


def refuse_taken_port():
    # With `reuse_port` each worker binds for itself: they would retry for ever, and a second
    # `make serve` would take half of the first's requests.
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            sys.exit(
                f"manytone cannot start: HOST={settings.host} PORT={settings.port} cannot be used "
                f"({error.strerror}). Stop what listens there, or choose another port: "
                "make serve PORT=8001"
            )


def post_fork(server, worker):
    """What our own code logs goes where gunicorn's lines go."""
    service = logging.getLogger("service")
    service.handlers = worker.log.error_log.handlers
    service.setLevel(worker.log.error_log.level)


def post_worker_init(worker):
    """The worker is about to serve: tell it how to see that it is to stop."""
    worker.wsgi.extensions["draining"] = lambda: not worker.alive
    # Ctrl-C as gracefully as SIGTERM. gthread's own handler shuts its thread pool down, which waits
    # for ever for a lock when the signal comes while a request is handed to the pool.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)
    worker.log.info("ready on http://%s", bind)
