"""The only place where the parts are put together."""

from __future__ import annotations

import torch
from flask import Flask

from service import access, problems
from service.batcher import Batcher
from service.predictor import Predictor
from service.registry import Registry
from service.routes import explain, health, models, predict
from service.settings import Settings


def create_app(
    settings: Settings, *, registry: Registry | None = None, batcher: Batcher | None = None
) -> Flask:
    """The WSGI application, with bundles loaded and warm.

    Args:
        registry: which bundles to serve instead of those in `settings.models_dir`.
        batcher: already started, instead of one with the limits in `settings`.

    Raises:
        StartError: a bundle or a setting is not usable.
    """
    if registry is None:
        registry = Registry.from_folder(
            settings.models_dir, settings.device, settings.default_model
        )
    if batcher is None:
        torch.set_num_threads(settings.network_threads)
        batcher = Batcher(
            batch_texts=settings.batch_texts,
            batch_tokens=settings.batch_tokens,
            queue_texts=settings.queue_texts,
            queue_requests=settings.queue_requests,
            warm_up=list(registry),
        )
        batcher.start()
    predictor = Predictor(registry, batcher, deadline_seconds=settings.deadline_seconds)

    app = Flask("manytone", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # Set by gunicorn.conf.py to a function that tells whether the worker is stopping.
    app.extensions["draining"] = lambda: False
    problems.register(app)
    access.register(app, settings)
    app.register_blueprint(predict.blueprint(predictor, settings))
    app.register_blueprint(explain.blueprint(predictor, settings))
    app.register_blueprint(health.blueprint(batcher, lambda: app.extensions["draining"]()))
    app.register_blueprint(models.blueprint(registry))
    return app
