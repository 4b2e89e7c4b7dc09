"""What gunicorn imports: `gunicorn -c service/gunicorn.conf.py service.wsgi:app`.

It is imported in each worker, after the fork: torch's thread pools and CUDA do not survive one.
What it imports itself has been there before (`import_once` in gunicorn.conf.py).
"""

from __future__ import annotations

import logging
import os
import sys
import time

from gunicorn.errors import AppImportError

from service import logs
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
except StartError as error:
    if _TAKES_A_PLACE in os.environ:
        # A file has gone bad since the others began. They serve what they have, and gunicorn starts
        # another one after this.
        log.error("no worker can take the place of one that ended: %s", error)
        time.sleep(_AGAIN_SECONDS)
        sys.exit(1)
    # gunicorn prints this as one line and stops; anything else would be a traceback and a retry.
    raise AppImportError(f"manytone cannot start: {error}") from error
