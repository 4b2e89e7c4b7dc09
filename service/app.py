"""The only place where the parts are put together."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from service import access, problems, telemetry
from service.application import Application
from service.batcher import Batcher
from service.folder import File, load_folder, load_what_is_good
from service.metrics import Metrics
from service.observe import Observer
from service.predictor import Predictor
from service.registry import Registry
from service.routes import (
    contract,
    explain,
    health,
    huggingface,
    models,
    open_inference,
    page,
    predict,
    sagemaker,
    v1,
)
from service.routes import metrics as metrics_route
from service.settings import Settings
from service.swap import Swapper
from service.telemetry import Spans

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


# A request with a larger body (bytes) gets a thread: its tokens alone take a millisecond or more.
QUICK_BODY = 8 << 10

_HEALTH = frozenset({"/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready"})


def create_app(
    settings: Settings,
    *,
    registry: Registry | None = None,
    batcher: Batcher | None = None,
    began_with: Mapping[str, str] | None = None,
    metrics: Metrics | None = None,
    spans: Spans | None = None,
) -> Application:
    """The WSGI application, with bundles loaded and warm.

    Args:
        registry: which bundles to serve instead of those in `settings.models_dir`.
        batcher: already started, instead of one with the limits in `settings`.
        began_with: for a worker that takes the place of one that died, and has to serve what the
            others do: as in `load_what_is_good`.
        metrics: those that the batcher was given.
        spans: where requests go as spans, instead of where the settings say.

    Raises:
        StartError: a bundle or a setting is not usable.
    """
    files: list[File] = []
    if registry is None:
        folder, device, precision = settings.models_dir, settings.device, settings.precision
        default = settings.default_model
        if began_with is None:
            files = load_folder(folder, device, precision)
        else:
            files = load_what_is_good(folder, device, default, began_with, precision)
        registry = Registry([file.bundle for file in files], default)
    metrics, spans = metrics or Metrics(), spans or telemetry.spans(settings)
    metrics.serving(registry)
    if batcher is None:
        torch.set_num_threads(settings.network_threads)
        batcher = Batcher(
            batch_texts=settings.batch_texts,
            batch_tokens=settings.batch_tokens,
            queue_texts=settings.queue_texts,
            queue_requests=settings.queue_requests,
            on_loop=settings.network_threads == 1
            and all(bundle.device.type == "cpu" for bundle in registry),
            warm_up=list(registry),
            metrics=metrics,
        )
        batcher.start()
        # A thread that is inside torch when Python ends takes the process down with it.
        atexit.register(batcher.stop)

    def tell(name: str, outcome: str) -> None:
        metrics.swapped(name, outcome)
        metrics.serving(registry)

    swapper = Swapper(
        registry,
        files,
        settings.models_dir,
        precision=settings.precision,
        watch_seconds=settings.models_watch,
        on_outcome=tell,
    )
    if files:
        swapper.start()
    predictor = Predictor(registry, batcher, deadline_seconds=settings.deadline_seconds)

    app = Application("manytone", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False  # /models//NAME is an unknown path, not a redirect in HTML
    # Set by gunicorn.conf.py to a function that tells whether the worker is stopping.
    app.extensions["draining"] = lambda: False
    app.extensions["swapper"] = swapper  # gunicorn.conf.py asks it to look on SIGHUP
    app.extensions["quick"] = quick(settings)  # service/worker.py runs these on its loop
    app.extensions["refused"] = metrics.refused  # service/worker.py answers these by itself
    problems.register(app)
    access.register(app, settings)
    app.register_blueprint(predict.blueprint(predictor, settings))
    app.register_blueprint(explain.blueprint(predictor, settings))
    check_ready = partial(health.check_ready, batcher, lambda: app.extensions["draining"]())
    app.register_blueprint(health.blueprint(check_ready))
    app.register_blueprint(models.blueprint(registry, swapper))
    app.register_blueprint(huggingface.blueprint(predictor, settings))
    app.register_blueprint(open_inference.blueprint(predictor, registry, settings, check_ready))
    app.register_blueprint(v1.blueprint(predictor, registry, settings, check_ready))
    app.register_blueprint(sagemaker.blueprint(predictor, settings, check_ready))
    app.register_blueprint(page.blueprint(settings))
    app.register_blueprint(contract.blueprint(registry, settings))
    app.register_blueprint(metrics_route.blueprint(metrics))
    # Last, so that it is around all of it.
    app.wsgi_app = Observer(  # type: ignore[method-assign]  # as Flask's documentation says
        app.wsgi_app, metrics, access_log=settings.access_log, spans=spans
    )
    return app


def quick(settings: Settings) -> Callable[[WSGIEnvironment], bool]:
    """Which requests keep nobody waiting while they run: a few texts, and health checks. All
    others run on threads: those that read many texts or files, put metrics or the contract
    together, or list every token; and all, if each asks Redis first."""

    def is_quick(environ: WSGIEnvironment) -> bool:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST":
            return path in _HEALTH
        # Without a stated length it came in chunks, which nobody does for a few texts; and what is
        # compressed may be anything.
        length = environ.get("CONTENT_LENGTH", "")
        few = length.isdigit() and int(length) <= QUICK_BODY
        return few and path != "/explain" and "HTTP_CONTENT_ENCODING" not in environ

    asks_redis = settings.rate_limit and settings.rate_limit_storage
    return (lambda _: False) if asks_redis else is_quick
