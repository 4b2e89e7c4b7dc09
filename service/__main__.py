"""`python -m service rollback NAME`: what one does with bundles beside serving them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from service.errors import StartError
from service.rollback import rollback
from service.settings import Settings


def main(arguments: list[str]) -> int:
    """Returns: the exit status."""
    try:
        asked = _parser(Settings.from_env(os.environ).models_dir).parse_args(arguments)
        print(rollback(asked.models_dir, asked.name))
    except StartError as error:
        print(f"manytone: {error}", file=sys.stderr)
        return 1
    return 0


def _parser(models_dir: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    back = commands.add_parser("rollback", help="bring the previous file of a bundle back")
    back.add_argument("name", metavar="NAME", help="of the bundle, such as reviews-en")
    back.add_argument(
        "--models-dir", type=Path, default=models_dir, metavar="DIR", help="(%(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
