"""The command line: `python -m training` trains a bundle, `evaluate` measures one, `behave` shows
where it fails, `report` draws its pictures, `card` writes its model card.

Parse the arguments, call the steps, say errors in one line.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch

from service.bundle import Bundle, BundleError, load_bundle
from training.behave import behave, report
from training.card import write_card
from training.checkpoint import Interrupted, Run
from training.config import (
    KNOBS,
    FitConfig,
    NetworkConfig,
    PretrainConfig,
    TeachConfig,
    TextConfig,
    option,
)
from training.datasets import DATASETS, Store
from training.errors import TrainingError
from training.evaluate import Answers
from training.report import write_report
from training.stages import Recipe
from training.train import measure, require_one_task, train

ENGLISH = ("imdb", "sst2", "amazon")

# What ships; any other choice of data sets gets a name of its own. An experiment with the same
# ones wants a --name or an --output, or else it takes the place of the bundle that is served.
SHIPPED = {ENGLISH: "reviews-en", ("nsmc",): "reviews-ko"}

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is 0, 1 after an error, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if arguments and arguments[0] in COMMANDS:
            run, parser = COMMANDS[arguments[0]]
            return run(parser().parse_args(arguments[1:]))
        return _train(_train_parser().parse_args(arguments))
    except (TrainingError, BundleError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or 'system'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    known = require_one_task(options.dataset)
    datasets = tuple(dataset.name for dataset in known)
    language = known[0].language
    name = options.name or SHIPPED.get(datasets, "-".join((*datasets, language)))
    recipe = Recipe(
        datasets=datasets,
        name=name,
        version=options.bundle_version,
        network=_configured(NetworkConfig, options),
        text=_configured(TextConfig, options),
        pretrain=_configured(PretrainConfig, options),
        teach=_configured(TeachConfig, options),
        fit=_configured(FitConfig, options),
    )
    output = options.output or Path("models") / f"{name}.pt"
    _require_writable(output)
    run = Run(options.runs / name)
    try:
        bundle, tests = train(
            recipe,
            store=Store.from_env(os.environ),
            run=run,
            output=output,
            device=_device(options.device),
            resume=options.resume,
            restart=options.restart,
        )
    except (Interrupted, KeyboardInterrupt):
        # Before the first checkpoint as well: a tokenizer and vectors that are done are kept.
        print(f"\nstopped; --resume goes on from what is in {run.folder}", file=sys.stderr)
        return 130
    log.info("wrote %s (%.1f MB)", output, output.stat().st_size / 1e6)
    _describe(output, bundle, tests, run.last_steps)
    return 0


def _describe(path: Path, bundle: Bundle, tests: Mapping[str, Answers], steps: Path | None) -> None:
    """The pictures of the bundle at `path`, and its card, which shows them."""
    pictures = write_report(path.with_suffix(""), bundle, tests, steps)
    card = path.with_suffix(".md")
    write_card(card, bundle.metadata)
    log.info("wrote %s and %d pictures in %s", card, len(pictures), path.with_suffix(""))


def _require_writable(output: Path) -> None:
    """Hours of training should not end at a folder that nobody may write to.

    Raises:
        TrainingError: the bundle could not be written, or would stand where its pictures go.
    """
    if output.suffix != ".pt":
        raise TrainingError(f"--output={output}: the name of a bundle ends in .pt.")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainingError(
            f"{folder} cannot be written to ({error.strerror}): give another --output."
        ) from error
    if output.is_dir():
        raise TrainingError(f"{output} is a folder: give the name of a file as --output.")


def _evaluate(options: argparse.Namespace) -> int:
    bundle = load_bundle(options.bundle, _device(options.device))
    measure(bundle, options.dataset, Store.from_env(os.environ))
    return 0


def _behave(options: argparse.Namespace) -> int:
    findings = behave(load_bundle(options.bundle, _device(options.device)))
    print(report(findings, examples=options.examples))
    return 0


def _report(options: argparse.Namespace) -> int:
    steps = Run(options.run).last_steps if options.run else None
    if options.run and steps is None:
        raise TrainingError(f"{options.run}: no steps here. Give the folder of a run: runs/NAME.")
    bundle = load_bundle(options.bundle, _device(options.device))
    tests = measure(bundle, options.dataset, Store.from_env(os.environ))
    _describe(options.bundle, bundle, tests, steps)
    return 0


def _card(options: argparse.Namespace) -> int:
    for path in options.bundle:
        card = path.with_suffix(".md")
        write_card(card, load_bundle(path).metadata)
        log.info("wrote %s", card)
    return 0


def _train_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train a sentiment bundle on public reviews.",
        epilog="Other commands: evaluate BUNDLE --dataset NAME measures a bundle; behave BUNDLE "
        "shows where it fails; report BUNDLE --dataset NAME draws its pictures; card BUNDLE writes "
        "its model card. Each has its own --help.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--dataset", nargs="+", default=list(ENGLISH), metavar="NAME",
        help=f"data sets to train on, of one language: {', '.join(DATASETS)}",
    )  # fmt: skip
    parser.add_argument("--name", help="of the bundle (default: after the data sets)")
    parser.add_argument("--bundle-version", default="1", help="shown by GET /models")
    parser.add_argument(
        "--output", type=Path, help="where the bundle goes (default: models/NAME.pt)"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where checkpoints go")
    _add_device(parser)
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    again.add_argument("--restart", action="store_true", help="throw an unfinished run away")
    for title, config in KNOBS.items():
        group = parser.add_argument_group(title)
        for knob in fields(config):
            group.add_argument(
                option(knob.name),
                type=type(knob.default),
                default=knob.default,
                choices=knob.metadata["choices"] or None,
                help=knob.metadata["help"],
            )
    return parser


def _evaluate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training evaluate",
        description="Accuracy, F1, calibration error and confusion matrix on a test part.",
    )
    parser.add_argument("bundle", type=Path, help="such as models/reviews-en.pt")
    parser.add_argument("--dataset", nargs="+", required=True, metavar="NAME",
                        help=", ".join(DATASETS))  # fmt: skip
    _add_device(parser)
    return parser


def _behave_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training behave",
        description="How often a bundle fails at negation, contrast, questions, typos, and at "
        "leaving groups of people out of it; after CheckList (Ribeiro et al. 2020).",
    )
    parser.add_argument("bundle", type=Path, help="such as models/reviews-en.pt")
    parser.add_argument("--examples", type=int, default=2, help="failures to show of each")
    _add_device(parser)
    return parser


def _report_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training report",
        description="Draw the pictures of a bundle from test parts, into the folder BUNDLE/ beside "
        "BUNDLE.pt, and write its card, which shows them.",
    )
    parser.add_argument("bundle", type=Path, help="such as models/reviews-en.pt")
    parser.add_argument("--dataset", nargs="+", required=True, metavar="NAME",
                        help=", ".join(DATASETS))  # fmt: skip
    parser.add_argument(
        "--run", type=Path, help="folder of its training, such as runs/reviews-en: the learning "
        "curves show each step (default: each epoch, which the bundle knows)",
    )  # fmt: skip
    _add_device(parser)
    return parser


def _card_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training card",
        description="Write the model card of a bundle, BUNDLE.md beside BUNDLE.pt.",
    )
    parser.add_argument("bundle", type=Path, nargs="+", help="such as models/reviews-en.pt")
    return parser


# What comes first on the command line; without one of these it is a training.
COMMANDS = {
    "evaluate": (_evaluate, _evaluate_parser),
    "behave": (_behave, _behave_parser),
    "report": (_report, _report_parser),
    "card": (_card, _card_parser),
}


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def _device(name: str) -> torch.device:
    """
    Raises:
        TrainingError: no such device, or the machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise TrainingError(f"--device={name}: expected auto, cpu, cuda or cuda:N.") from error
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"--device={name}: expected auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(
            f"--device={name}: PyTorch sees {torch.cuda.device_count()} GPUs here. Use --device "
            "cpu, or install a driver and the CUDA build of PyTorch."
        )
    return device


def _configured(config: Any, options: argparse.Namespace) -> Any:
    return config(**{knob.name: getattr(options, knob.name) for knob in fields(config)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
