"""`python -m service serve`: gunicorn, as `make serve` starts it, from any folder."""

from __future__ import annotations

import argparse
import os
import sys

from service.cli.environment import ROOT, environment, settings


def run(options: argparse.Namespace) -> int:
    """
    Raises:
        SettingsError: a variable or an option has a value it cannot have.
    """
    settings(options)  # refused here with the exit status of every command
    config = ROOT / "service" / "gunicorn.conf.py"
    command = [sys.executable, "-m", "gunicorn", "-c", str(config), "service.wsgi:app"]
    environ = environment(options)
    # gunicorn and its workers find this very package, whatever folder they are in.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environ.get("PYTHONPATH")]))
    # In the place of this process: signals and the exit status are gunicorn's own.
    os.execve(sys.executable, command, environ)
