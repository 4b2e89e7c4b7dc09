"""What gunicorn imports: `gunicorn -c service/gunicorn.conf.py service.wsgi:app`.

It is imported in each worker, after the fork: torch's thread pools and CUDA do not survive one.
What it imports itself has been there before (`import_once` in gunicorn.conf.py).
"""

from __future__ import annotations

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

_TAKES_A_PLACE = "MANYTONE_TAKES_A_PLACE"  # set by gunicorn.conf.py, in this process
_AGAIN_SECONDS = 5

try:
    settings = Settings.from_env(os.environ)
    logs.configure(settings)
    app = create_app(settings, takes_a_place=_TAKES_A_PLACE in os.environ)
except Exception as error:
    expected = isinstance(error, StartError)
    if _TAKES_A_PLACE in os.environ:
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
