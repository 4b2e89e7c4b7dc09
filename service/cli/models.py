"""`python -m service models`: the bundles that there are, without loading them."""

from __future__ import annotations

import argparse
from dataclasses import asdict

import msgspec

from service.archive import Metadata, find_bundles, read_file, read_parts
from service.cli.environment import settings
from service.cli.terminal import models


def run(options: argparse.Namespace) -> int:
    given = settings(options)
    found = [read_parts(read_file(path), path).metadata for path in find_bundles(given.models_dir)]
    found.sort(key=lambda metadata: metadata.name)
    default = _default(found, given.default_model)
    if options.json:
        each = [{**asdict(metadata), "default": metadata.name == default} for metadata in found]
        print(msgspec.json.encode({"models": each}).decode())
    else:
        print(models(found, default))
    return 0


def _default(found: list[Metadata], wanted: str) -> str:
    """As `Registry` chooses it."""
    names = [metadata.name for metadata in found]
    return wanted if wanted in names else names[0]
