"""The command line: `python -m training` trains a bundle, `evaluate` measures one, `behave` shows
where it fails, `report` draws its pictures, `card` writes its model card, `renew` puts this
release's network code into one that an earlier release made.

Parse the arguments, call the steps, say errors in one line.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch

from service.bundle import Bundle, BundleError, load_bundle, save_bundle
from training.base import load_base
from training.behave import behave, report
from training.behaviours.files import read_cases
from training.card import write_card
from training.checkpoint import Interrupted, Run
from training.config import (
    BASE_DEFAULTS,
    ENGLISH,
    KNOBS,
    OF_A_LANGUAGE_MODEL,
    OF_A_STUDENT,
    OWN_DEFAULTS,
    RECIPES,
    SHIPPED,
    FitConfig,
    NetworkConfig,
    PretrainConfig,
    TeachConfig,
    TextConfig,
    default_name,
    option,
)
from training.datasets import DATASETS, Columns, Store
from training.errors import TrainingError
from training.evaluate import Answers
from training.export import renewed
from training.report import write_report
from training.reviews import OwnFile, require_one_task
from training.stages import Recipe
from training.train import measure, train


def _listed(defaults: Mapping[str, object]) -> str:
    return ", ".join(f"{option(name)} {value}" for name, value in defaults.items())


_RECIPES = " ".join(
    f"With {' '.join(names)}: {_listed(defaults)}." for names, defaults in RECIPES.items()
)
# Shown above a group of knobs.
_OTHER_DEFAULTS = {
    "network": "--from takes the bundle's sizes. Knobs of this group and the others have other "
    f"defaults with the data sets of the bundles that ship. {_RECIPES}",
    "training": f"Defaults with --data: {_listed(OWN_DEFAULTS)}. With --from: "
    f"{_listed(BASE_DEFAULTS)}.",
}

log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is 0, 1 after an error, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if arguments and arguments[0] in COMMANDS:
            run, parser = COMMANDS[arguments[0]]
            return run(parser().parse_args(arguments[1:]))
        return _train(_train_options(arguments))
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
    recipe = _recipe(options)
    name = recipe.name
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
    except OSError as error:  # a full disk names no file
        raise TrainingError(
            f"{error.filename or run.folder}: {error.strerror}. Once that is mended, --resume goes "
            f"on from what is in {run.folder}."
        ) from error
    log.info("wrote %s (%.1f MB)", output, output.stat().st_size / 1e6)
    run.tell_time(output.with_suffix(""))
    _describe(output, bundle, tests, run.last_steps)
    return 0


def _describe(path: Path, bundle: Bundle, tests: Mapping[str, Answers], steps: Path | None) -> None:
    """The pictures of the bundle at `path`, and its card, which shows them."""
    pictures = write_report(path.with_suffix(""), bundle, tests, steps)
    card = path.with_suffix(".md")
    write_card(card, bundle.metadata)
    log.info("wrote %s and %d pictures in %s", card, len(pictures), path.with_suffix(""))


def _require_use(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """
    Raises:
        TrainingError: an option was given that changes nothing beside the others.
    """
    # A teacher of the student's own width begins with the student's language model.
    width = options.student and (
        options.teacher_hidden_size not in (0, options.hidden_size)
        or options.teacher_embedding_size not in (0, options.embedding_size)
    )
    models = options.lm_epochs or (width and options.teacher_lm_epochs)
    several = not options.data and len(options.dataset) > 1
    own_width = "a teacher that has a width of its own"
    for names, there, what, add in (
        (OF_A_STUDENT, options.student, "a student", "--student 1"),
        (("teacher_lm_epochs",), width, own_width, "--teacher-hidden-size 384"),
        (OF_A_LANGUAGE_MODEL, models, "a language model", "--lm-epochs 1"),
        (("least_share",), several, "several data sets", "--dataset imdb sst2"),
        (("text_column", "label_column"), options.data, "a file of your own", "--data FILE"),
    ):
        for name in () if there else names:
            given = getattr(options, name)
            if given not in (0, parser.get_default(name)):
                raise TrainingError(
                    f"{option(name)}={given} does nothing without {what}. Add {add}, or leave it "
                    "out."
                )


def _train_options(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the defaults that go with the data and with the bundle to go on from."""
    parser = _train_parser()
    options = parser.parse_args(arguments)
    if not options.data:
        datasets = tuple(dataset.name for dataset in require_one_task(options.dataset))
        parser.set_defaults(**RECIPES.get(datasets, {}))
    if options.data:
        parser.set_defaults(**OWN_DEFAULTS)
    if options.base:
        base = load_base(options.base)
        parser.set_defaults(**BASE_DEFAULTS, **base.fixed())
        if options.data:
            parser.set_defaults(language=base.bundle.metadata.language)
    options = parser.parse_args(arguments)
    _require_use(options, parser)
    return options


def _recipe(options: argparse.Namespace) -> Recipe:
    datasets, own, name = _own(options) if options.data else _public(options)
    return Recipe(
        datasets=datasets,
        name=name,
        version=options.bundle_version,
        network=_configured(NetworkConfig, options),
        text=_configured(TextConfig, options),
        pretrain=_configured(PretrainConfig, options),
        teach=_configured(TeachConfig, options),
        fit=_configured(FitConfig, options),
        own=own,
        base=str(options.base) if options.base else None,
    )


def _public(options: argparse.Namespace) -> tuple[tuple[str, ...], None, str]:
    """
    Raises:
        TrainingError: the data sets do not go together, or are not in the language.
    """
    known = require_one_task(options.dataset)
    datasets, language = tuple(dataset.name for dataset in known), known[0].language
    if options.language not in (None, language):
        raise TrainingError(
            f"--language={options.language}: {', '.join(datasets)} is in {language!r}. Leave it "
            "out, or name other data."
        )
    # An experiment with the data sets of a bundle that ships wants a --name or an --output, or else
    # it takes that one's place.
    default = default_name(datasets, language, options.base.stem if options.base else None)
    return datasets, None, options.name or default


def _own(options: argparse.Namespace) -> tuple[tuple[str, ...], OwnFile, str]:
    """
    Raises:
        TrainingError: no language, or the bundle would take the place of one that ships.
    """
    language = options.language or ""
    if re.fullmatch("[a-z]{2,3}", language) is None:
        raise TrainingError(
            f"--language={language}: the language of {options.data} is not known. Give its ISO 639 "
            "code, such as en, ko or de (LANGUAGE=en with make)."
        )
    name = options.name or options.data.name.partition(".")[0]
    if not name:
        raise TrainingError(
            f"{options.data}: its name gives the bundle none. Give it a --name (NAME=… with make)."
        )
    if not options.name and name in SHIPPED.values():
        raise TrainingError(
            f"{options.data}: the bundle would be called {name}, as one that ships. Give it "
            "another --name (NAME=… with make)."
        )
    columns = Columns(options.text_column, options.label_column)
    return (), OwnFile(str(options.data), columns, language), name


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
    bundle = load_bundle(options.bundle, _device(options.device), options.precision)
    measure(bundle, options.dataset, Store.from_env(os.environ))
    return 0


def _behave(options: argparse.Namespace) -> int:
    cases = read_cases(options.cases) if options.cases else None
    findings = behave(load_bundle(options.bundle, _device(options.device)), cases)
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


def _renew(options: argparse.Namespace) -> int:
    for path in options.bundle:
        save_bundle(path, renewed(load_base(path)))
        log.info("wrote %s", path)
    return 0


def _train_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description="Train a sentiment bundle on public reviews, or on your own.",
        epilog="Other commands: evaluate BUNDLE --dataset NAME measures a bundle; behave BUNDLE "
        "shows where it fails; report BUNDLE --dataset NAME draws its pictures; card BUNDLE writes "
        "its model card; renew BUNDLE puts this release's network code around the weights of an "
        "earlier one. Each has its own --help.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        "--dataset", nargs="+", default=list(ENGLISH), metavar="NAME",
        help=f"data sets to train on, of one language: {', '.join(DATASETS)}",
    )  # fmt: skip
    data.add_argument(
        "--data", type=Path, metavar="FILE",
        help="your own reviews instead: .csv, .tsv, .jsonl or .parquet, a text and a label a row",
    )  # fmt: skip
    parser.add_argument("--text-column", default="text", metavar="NAME", help="of --data")
    parser.add_argument(
        "--label-column", default="label", metavar="NAME", help="of --data: its values are the "
        "classes, as many as there are",
    )  # fmt: skip
    parser.add_argument(
        "--language", metavar="CODE",
        help="of --data, ISO 639, such as en (default: that of the bundle of --from)",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="base", type=Path, metavar="BUNDLE",
        help="go on from this bundle, such as models/reviews-en.pt: its subwords, its network",
    )  # fmt: skip
    parser.add_argument(
        "--name", help="of the bundle (default: after the data sets, or the file of --data)"
    )
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
        group = parser.add_argument_group(title, _OTHER_DEFAULTS.get(title))
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
    parser.add_argument(
        "--precision", choices=("float32", "auto"), default="float32",
        help="auto: as the service computes by default, in bfloat16 where the processor has it",
    )  # fmt: skip
    _add_device(parser)
    return parser


def _behave_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training behave",
        description="How often a bundle fails at negation, contrast, questions, typos, and at "
        "leaving groups of people out of it; after CheckList (Ribeiro et al. 2020).",
    )
    parser.add_argument("bundle", type=Path, help="such as models/reviews-en.pt")
    parser.add_argument(
        "--cases", type=Path, metavar="FILE",
        help="other sentences instead of the suite's: .csv, .tsv, .jsonl or .parquet with the "
        "columns text, label (negative or positive) and, if wanted, capability and variant, the "
        "text changed in what must not matter",
    )  # fmt: skip
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


def _renew_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training renew",
        description="Write a bundle anew with the network code of this release: same weights, same "
        "answers, and as fast as a bundle that is trained today.",
    )
    parser.add_argument("bundle", type=Path, nargs="+", help="such as models/reviews-en.pt")
    return parser


# What comes first on the command line; without one of these it is a training.
COMMANDS = {
    "evaluate": (_evaluate, _evaluate_parser),
    "behave": (_behave, _behave_parser),
    "report": (_report, _report_parser),
    "card": (_card, _card_parser),
    "renew": (_renew, _renew_parser),
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
