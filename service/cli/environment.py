"""The service's own settings, for commands: from the environment, or from an option."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from service.settings import Settings

# Options that stand for a variable of the environment, by their names in argparse.
VARIABLES = {
    "host": "HOST",
    "port": "PORT",
    "workers": "WORKERS",
    "device": "DEVICE",
    "models_dir": "MODELS_DIR",
}

# Where the program lies, and the bundles that come with it.
ROOT = Path(__file__).resolve().parents[2]


def environment(options: argparse.Namespace) -> dict[str, str]:
    """The environment, and on top of it what was given as an option."""
    given = {
        variable: str(value)
        for option, variable in VARIABLES.items()
        if (value := getattr(options, option, None)) is not None
    }
    environ = {**os.environ, **given}
    if not environ.get("MODELS_DIR") and not Path("models").is_dir():
        environ["MODELS_DIR"] = str(ROOT / "models")  # called from another folder
    return environ


def settings(options: argparse.Namespace) -> Settings:
    """
    Raises:
        SettingsError: a variable or an option has a value it cannot have.
    """
    return Settings.from_env(environment(options))
