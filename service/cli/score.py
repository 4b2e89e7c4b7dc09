"""`python -m service score`: a file of texts, with an answer to each."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import msgspec

from service.cli.environment import settings
from service.errors import UsageError
from service.scoring.formats import input_place, output_place
from service.scoring.output import beside
from service.scoring.pool import Pool
from service.scoring.run import Request, Summary, score

REJECTED = 3  # the exit status when all is written, but some rows could not be scored


def run(options: argparse.Namespace) -> int:
    given = settings(options)
    source = input_place(options.input, options.format)
    target = output_place(options.output, options.output_format, source.format)
    if options.json and target.path is None:
        raise UsageError("--json writes to standard output, which has the rows already.")
    request = Request(
        source=source,
        target=target,
        text_column=options.text_column,
        model=options.model,
        prefix=options.prefix,
        details=options.details,
        restart=options.restart,
        max_characters=given.max_characters,
        bar=not options.quiet,
    )
    signal.signal(signal.SIGTERM, _end)
    try:
        summary = score(request, lambda most_chunks: Pool(given, most_chunks))
    except (KeyboardInterrupt, SystemExit):
        _tell_how_to_go_on(target.path)
        raise
    _tell(summary, options)
    return REJECTED if summary.rejected else 0


def _end(number: int, frame: FrameType | None) -> None:
    # As Ctrl-C: what is open is closed, and the other processes end.
    sys.exit(128 + number)


def _tell_how_to_go_on(output: Path | None) -> None:
    if output is not None and beside(output, ".progress.json").exists():
        print("\nThe same command goes on from here.", file=sys.stderr)


def _tell(summary: Summary, options: argparse.Namespace) -> None:
    if options.json:
        print(msgspec.json.encode(summary, enc_hook=str).decode())
    if options.quiet or options.json:
        return
    rejected = f", {summary.rejected:,} rejected" if summary.rejected else ""
    where = f" (see {summary.rejected_file})" if summary.rejected_file else ""
    print(
        f"{summary.scored:,} rows scored{rejected}{where}: "
        f"{summary.rows_per_second:,.0f} rows/s in {summary.seconds:.1f} s",
        file=sys.stderr,
    )
