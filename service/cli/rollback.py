"""`python -m service rollback NAME`: the file that was served before."""

from __future__ import annotations

import argparse

from service.cli.environment import settings
from service.rollback import rollback


def run(options: argparse.Namespace) -> int:
    print(rollback(settings(options).models_dir, options.name))
    return 0
