"""The command line: `python -m service predict`, `explain`, `score`, `models`, `rollback`, `serve`.

Parse the arguments, call the command's module, say errors in one line.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from service.errors import CommandError, ManytoneError, SettingsError, UsageError
from service.scoring.formats import OUTPUT_FORMATS, Format

INTERRUPTED = 130  # 128 and the number of the signal, as shells have it

EXIT_CODES = """exit status:
  0    done
  1    it failed; standard error says why
  2    the command line, or what it names, does not fit
  3    score: all is written, but some rows were rejected
  130  stopped by Ctrl-C; serve: 0
  143  stopped by SIGTERM; serve: 0
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        # Only now, and only this one: `--help` should not wait for torch.
        command = importlib.import_module(f"service.cli.{options.command}")
        status: int = command.run(options)
        return status
    except BrokenPipeError:
        # Whoever reads has enough (`| head`). Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ManytoneError as error:
        print(f"error: {error}", file=sys.stderr)
        return _status(error)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return INTERRUPTED


def _status(error: ManytoneError) -> int:
    if isinstance(error, CommandError):
        return error.status
    return UsageError.status if isinstance(error, SettingsError) else CommandError.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Reads reviews and says how they feel, without a server; or starts one.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, configure) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        configure(command)
        command.add_argument(
            "--models", dest="models_dir", metavar="DIR", help="folder of the bundles (MODELS_DIR)"
        )
    return parser


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="default: standard input's lines")
    _reads(parser)
    parser.add_argument("--json", action="store_true", help="a line each, as POST /predict answers")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT")
    _reads(parser)
    parser.add_argument("--json", action="store_true", help="as POST /explain answers")


def _models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="with all that is known of them")


def _rollback(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the bundle, such as reviews-en")


def _score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", metavar="INPUT",
        help=".csv, .tsv, .jsonl, .txt (a text a line), each also with .gz; .parquet; or - for "
        "standard input",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUTPUT",
        help="every column of the input, then label, score and one column per class; the extension "
        "says the format; - for standard output. What was stopped goes on when the same command is "
        "given again. Rows that cannot be scored are in OUTPUT.rejected.jsonl",
    )  # fmt: skip
    parser.add_argument("--text-column", default="text", metavar="C", help="default: text")
    _reads(parser)
    parser.add_argument(
        "--prefix", default="", help="of the names of the added columns, such as predicted_"
    )
    parser.add_argument(
        "--details", action="store_true", help="add model, tokens, truncated and known as well"
    )
    parser.add_argument("--format", choices=[*Format], help="of the input, whatever its name")
    parser.add_argument("--output-format", choices=OUTPUT_FORMATS, help="of the output")
    parser.add_argument(
        "--restart", action="store_true", help="score all rows anew, whatever is there"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: one per core; WORKERS)"
    )
    parser.add_argument("--quiet", action="store_true", help="neither progress nor summary")
    parser.add_argument("--json", action="store_true", help="the summary, to standard output")


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (HOST)")
    parser.add_argument("--port", type=int, help="port to listen on (PORT)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (WORKERS)")
    _device(parser)


def _reads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", metavar="NAME", help="default: the bundle for the language of each text"
    )
    _device(parser)


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:N (DEVICE)")


COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "predict": ("say how texts feel", _predict),
    "explain": ("show what each token of a text adds to the answer", _explain),
    "score": ("score a file of texts, row by row", _score),
    "models": ("list the bundles", _models),
    "rollback": ("bring the previous file of a bundle back", _rollback),
    "serve": ("answer over HTTP", _serve),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
