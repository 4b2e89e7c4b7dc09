"""What gunicorn imports: `gunicorn -c service/gunicorn.conf.py service.wsgi:app`.

It is imported in each worker, after the fork: torch's thread pools and CUDA do not survive one.
What it imports itself has been there before (`import_once` in gunicorn.conf.py).
"""

from __future__ import annotations

import os

from gunicorn.errors import AppImportError

from service import logs
from service.app import create_app
from service.errors import StartError
from service.settings import Settings

try:
    settings = Settings.from_env(os.environ)
    logs.configure(settings)
    # The variable is set by gunicorn.conf.py, in this process.
    app = create_app(settings, takes_a_place="MANYTONE_TAKES_A_PLACE" in os.environ)
except StartError as error:
    # gunicorn prints this as one line and stops; anything else would be a traceback and a retry.
    raise AppImportError(f"manytone cannot start: {error}") from error
