"""gunicorn's settings (https://docs.gunicorn.org/en/stable/settings.html), each with its reason."""

import errno
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path

from gunicorn import glogging

from service import logs, metrics_folder
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
# numpy's own pool, which nothing here uses, would start as it is imported: see `import_once`.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.port}"
workers = settings.workers
worker_class = "service.worker.LoopWorker"  # 0015: gthread and gevent cost a request twice as much
threads = settings.threads  # for what is not quick (service/app.py)
# Without it all kept-alive connections may end on one worker. Other systems than Linux do not
# spread them over the workers' sockets: there they share one.
reuse_port = sys.platform == "linux"
preload_app = False  # threads and what they hold do not survive a fork; see `import_once`
keepalive = 75  # seconds; longer than the usual load balancer's 60, so that it closes first
timeout = 60  # seconds without a sign of life before a worker is replaced: a heartbeat, no deadline
graceful_timeout = 30  # seconds for answers under way when told to stop
# The heartbeat never waits for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
control_socket_disable = True  # it wants a writable home, which a container does not have
loglevel = settings.log_level
errorlog = "-"
accesslog = None  # service/observe.py has its own, with the request's id


class Logger(glogging.Logger):
    """gunicorn's own lines look like all others. (With its `logconfig` it would format a line for
    each request, wanted or not.)"""

    def setup(self, cfg):
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(logs.formatter(settings.log_format))


logger_class = Logger


began_with = {}  # names of bundles, by names of their files


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
    if settings.rate_limit_storage and not settings.rate_limit:
        server.log.warning("RATE_LIMIT_STORAGE limits nothing without a RATE_LIMIT: 100/minute?")
    # gunicorn's own answer to SIGHUP is new workers: seconds, twice the memory, and connections
    # that break. The workers look at the bundles instead (service/swap.py).
    server.handle_hup = lambda: server.kill_workers(signal.SIGHUP)
    prepare_metrics()
    import_once()


def refuse_bad_bundles_and_keys():
    # Without torch, in a moment. Whether the network answers as it did is for the workers to see.
    try:
        for path in find_bundles(settings.models_dir):
            began_with[path.name] = read_parts(read_file(path), path).metadata.name
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
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            advice = (
                "Stop what listens there, or choose another port: make serve PORT=8001"
                if taken
                else "HOST is to be an address of this machine: 127.0.0.1, or 0.0.0.0 for all"
            )
            sys.exit(
                f"manytone cannot start: HOST={settings.host} PORT={settings.port} cannot be used "
                f"({error.strerror}). {advice}"
            )


def post_fork(server, worker):
    """Before the worker loads anything."""
    # SIGHUP would end a worker that is still loading: it waits until there is a handler.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    if worker.age > settings.workers:  # gunicorn numbers them from 1, and this is one more
        os.environ["MANYTONE_BEGAN_WITH"] = json.dumps(began_with)


def import_once():
    """What every worker imports, torch above all, for which its hundred megabytes are then shared.
    To import starts no thread and takes no GPU; networks run, and threads begin, after the fork."""
    import service.app  # noqa: F401

    gc.collect()
    gc.freeze()  # the workers' collectors leave it alone, so that its pages stay shared


def prepare_metrics():
    # prometheus_client looks at the variable when it is imported: before `import_once`.
    try:
        folder = metrics_folder.prepared(settings.prometheus_multiproc_dir, worker_tmp_dir)
    except StartError as error:
        sys.exit(f"manytone cannot start: {error}")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def child_exit(server, worker):
    """A worker is gone: what it counted stays, what it had in hand does not."""
    from prometheus_client.multiprocess import mark_process_dead  # behind `prepare_metrics`

    mark_process_dead(worker.pid)


def post_worker_init(worker):
    """The worker is about to serve: tell it how to see that it is to stop."""
    worker.wsgi.extensions["draining"] = lambda: not worker.alive
    # Ctrl-C as gracefully as SIGTERM: gunicorn's own handler would end the process in mid-request.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, worker.handle_exit)
    signal.signal(signal.SIGHUP, lambda *_: worker.wsgi.extensions["swapper"].ask())
    signal.siginterrupt(signal.SIGHUP, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    worker.log.info("ready on http://%s", bind)
