"""What gunicorn imports: `gunicorn -c service/gunicorn.conf.py service.wsgi:app`.

It is imported in each worker, after the fork: torch's thread pools and CUDA do not survive one.
What it imports itself has been there before (`import_once` in gunicorn.conf.py).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path

from gunicorn.errors import AppImportError

from service import logs, metrics_folder
from service.app import create_app
from service.errors import StartError
from service.settings import Settings

log = logging.getLogger(__name__)

# Set by gunicorn.conf.py in a worker that takes another's place.
_told = os.environ.get("MANYTONE_BEGAN_WITH")
_began_with = None if _told is None else json.loads(_told)
_AGAIN_SECONDS = 5

try:
    settings = Settings.from_env(os.environ)
    logs.configure(settings)
    app = create_app(settings, began_with=_began_with)
except Exception as error:
    expected = isinstance(error, StartError)
    if _began_with is not None:
        # A file has gone bad since the others began, or memory has run out. They serve what they
        # have, and gunicorn starts another one after this; raised, it would stop them all.
        log.error(
            "no worker can take the place of one that ended: %s",
            error if expected else "please report this",
            exc_info=None if expected else error,
        )
        metrics_folder.forget(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]), os.getpid())
        time.sleep(_AGAIN_SECONDS)
        sys.exit(1)
    if expected:  # gunicorn prints this as one line and stops
        raise AppImportError(f"manytone cannot start: {error}") from error
    raise
