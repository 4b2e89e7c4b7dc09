"""`python -m benchmarks.scoring`: a million short reviews in one file, through `score`.

Three questions, all answered in one run on one machine:

- How much of the networks' own speed is left? All cores run the networks alone first and last, on
  the same texts, read and batched beforehand; the file is scored in between.
- Does the memory of the main process grow with the file? Its peak at a quarter and at the end.
- Does a stop lose or double a row? A second run is interrupted half-way, and gone on with.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from benchmarks.options import MODELS, at_least, folder_of
from benchmarks.outcome import write_result
from benchmarks.serving.processes import PROC
from service.archive import find_bundles
from service.bundle import BundleError
from service.errors import CommandError
from service.padding import of_like_length
from service.registry import Registry
from service.scoring.chunks import CHUNK_ROWS
from service.scoring.scorer import CPU_BATCH
from service.settings import usable_cores

ROWS = 1_000_000
WANTED_SHARE = 0.8  # of the networks' own speed
MOST_GROWTH = 1.1  # of the memory, from a quarter of the file to its end

# What short reviews are made of: an opening, up to three remarks, an end. One in five is Korean.
ENGLISH = (
    ("I bought it for my mother", "My second one", "Saw it last night", "Well", "After a month"),
    (
        "the sound is clear and warm", "it broke after a week", "the story drags on and on",
        "the cast is wonderful", "not worth the money", "delivery took two days",
        "nobody answers the phone", "I laughed from start to end", "the buttons feel cheap",
        "it does what it should", "the ending makes no sense", "the picture is sharp",
    ),
    ("would buy again!", "never again.", "five stars", "I want my money back", "so so", ":)"),
)  # fmt: skip
KOREAN = (
    ("어제 봤는데", "두 번째 구매", "솔직히", "기대했는데", "한 달 써 보니"),
    (
        "배우들의 연기가 좋았어요", "이야기가 지루해요", "음악이 훌륭합니다", "돈이 아까워요",
        "배송이 빨라요", "화면이 선명해요", "금방 고장 났어요", "처음부터 끝까지 웃었어요",
    ),
    ("강력 추천!", "비추", "그저 그래요", "또 보고 싶다", "ㅠㅠ"),
)  # fmt: skip


def short_reviews(seed: int) -> Iterator[str]:
    """Without end; the same seed gives the same ones."""
    draw = random.Random(seed)
    for number in count():
        opening, remarks, ends = KOREAN if draw.random() < 0.2 else ENGLISH
        said = draw.sample(remarks, draw.randint(1, 3))
        yield f"{draw.choice(opening)}, {', '.join(said)} {draw.choice(ends)} ({number})"


def write_reviews(path: Path, rows: int) -> None:
    """A CSV file with the columns `id`, from 0 on, and `text`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(zip(range(rows), short_reviews(seed=1), strict=False))


def lost_and_doubled(path: Path, rows: int) -> tuple[int, int]:
    """Ids of `write_reviews` that are missing in a scored CSV file, and rows too many."""
    seen = bytearray(rows)
    doubled = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            doubled += seen[int(row["id"])]
            seen[int(row["id"])] = 1
    return rows - sum(seen), doubled


# --- The networks alone --------------------------------------------------------------------------


def networks_alone(models: Path, workers: int, seconds: float) -> float:
    """Texts a second of all processes together, each on one thread."""
    context = multiprocessing.get_context("spawn")
    os.environ["OMP_NUM_THREADS"] = str(max(1, usable_cores() // workers))
    ready, results = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_run_networks, args=(models, seed, seconds, ready, results))
        for seed in range(workers)
    ]
    for process in processes:
        process.start()
    rates: list[float] = [results.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)


def _run_networks(models: Path, seed: int, seconds: float, ready: Any, results: Any) -> None:
    registry = Registry.from_folder(models, "cpu", "reviews-en")
    texts = [text for text, _ in zip(short_reviews(seed), range(4 * CHUNK_ROWS), strict=False)]
    batches = [
        batch
        for begin in range(0, len(texts), CHUNK_ROWS)
        for batch in _batches(registry, texts[begin : begin + CHUNK_ROWS])
    ]
    with torch.inference_mode():
        for module, ids, lengths in batches[:20]:  # TorchScript compiles at its first calls
            module(ids, lengths)
        ready.wait()
        read, begin_time = 0, time.perf_counter()
        while (spent := time.perf_counter() - begin_time) < seconds:
            for module, ids, lengths in batches:
                module(ids, lengths)
                read += len(lengths)
    results.put(read / spent)


def _batches(registry: Registry, texts: Sequence[str]) -> Iterator[tuple[Any, Tensor, Tensor]]:
    """What a chunk comes to: networks with ids (T, N) and lengths (N,)."""
    for bundle in registry.now.routed():
        read = [bundle.encode(text) for text in texts if registry.for_text(text) is bundle]
        sequences = [torch.tensor(encoding.ids) for encoding in read]
        for places in of_like_length([len(sequence) for sequence in sequences], *CPU_BATCH):
            batch = [sequences[place] for place in places]
            ids = pad_sequence(batch, padding_value=bundle.metadata.pad_id)  # (T, N)
            yield bundle.module, ids, torch.tensor([len(sequence) for sequence in batch])


# --- The command ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One call of `score`."""

    status: int
    rows: int  # done when it ended
    rows_per_second: float  # from when the bundles were loaded; 0 if it was stopped
    rows_per_second_in_all: float
    megabytes: dict[str, float]  # peak of the main process, by share of the file that was done


def run_score(
    source: Path, output: Path, models: Path, workers: int, rows: int, *, stop_at: int | None = None
) -> Run:
    """
    Args:
        stop_at: rows after which it gets Ctrl-C.
    """
    command = [sys.executable, "-m", "service", "score", str(source), "-o", str(output), "--json"]
    command += ["--models", str(models), "--workers", str(workers), "--device", "cpu"]
    begin, before = time.perf_counter(), done_rows(output)
    environ = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    megabytes: dict[str, float] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        while process.poll() is None:
            done = done_rows(output)
            if done >= rows / 4 and "25 %" not in megabytes:
                megabytes["25 %"] = peak_megabytes(process.pid)
            if done:  # the last one stays
                megabytes["end"] = peak_megabytes(process.pid) or megabytes.get("end", 0.0)
            if stop_at is not None and done >= stop_at:
                process.send_signal(signal.SIGINT)
                stop_at = None
            time.sleep(0.05)
        spent = time.perf_counter() - begin
        summary = json.loads((process.stdout.read() if process.stdout else b"") or "{}")
    done = summary["scored"] + summary["rejected"] if summary else done_rows(output)
    rate = summary.get("rows_per_second", 0.0)
    return Run(process.returncode, done, rate, (done - before) / spent, megabytes)


def done_rows(output: Path) -> int:
    """What an unfinished run has noted."""
    try:
        note = json.loads(output.with_name(f"{output.name}.progress.json").read_bytes())
    except FileNotFoundError:
        return 0
    return int(note["scored_rows"]) + int(note["rejected_rows"])


def peak_megabytes(pid: int) -> float:
    """Of the process alone, not of those it started; 0 where the system does not tell."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0.0
    peak = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0].split()[1]) / 1024 if peak else 0.0


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write down; the exit code is 1 if it is too slow, grows, or loses a row."""
    options = _parser().parse_args(arguments)
    try:
        with TemporaryDirectory(dir=options.folder, prefix="manytone-scoring-") as folder:
            found = _measure(options, Path(folder))
    except (BundleError, CommandError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    print(report(found), flush=True)
    whole = options.rows >= ROWS and options.models == MODELS
    output = options.output or folder_of(whole=whole) / "scoring.json"
    write_result(output, {"rows": options.rows, **found})
    return 0 if all(verdicts(found).values()) else 1


def _measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    find_bundles(options.models)  # before a file is written and processes wait for each other
    source, whole, stopped = folder / "reviews.csv", folder / "whole.csv", folder / "stopped.csv"
    write_reviews(source, options.rows)
    print(f"{options.rows:,} reviews, {source.stat().st_size / 1e6:.0f} MB", flush=True)
    settings = options.models, options.workers
    alone = [networks_alone(*settings, options.seconds)]
    run = run_score(source, whole, *settings, options.rows)
    alone.append(networks_alone(*settings, options.seconds))
    first = run_score(source, stopped, *settings, options.rows, stop_at=options.rows // 2)
    second = run_score(source, stopped, *settings, options.rows)
    if run.status or second.status:
        raise CommandError("`python -m service score` failed; what it said stands above.")
    lost, doubled = lost_and_doubled(stopped, options.rows)
    return {
        "networks alone, texts a second": alone,
        "share": run.rows_per_second / (sum(alone) / len(alone)),
        "whole": asdict(run),
        "stopped": asdict(first),
        "resumed": asdict(second),
        "lost": lost,
        "doubled": doubled,
        "same bytes": whole.read_bytes() == stopped.read_bytes(),
    }


def verdicts(found: dict[str, Any]) -> dict[str, bool]:
    memory = found["whole"]["megabytes"]
    stays = 0 < memory["end"] <= MOST_GROWTH * memory["25 %"]
    return {
        "fast enough": found["share"] >= WANTED_SHARE,
        # Only Linux tells the memory.
        **({"memory does not grow": stays} if PROC.exists() else {}),
        "stopped half-way": found["stopped"]["status"] == 130,
        "no row lost or doubled": found["lost"] == found["doubled"] == 0,
        "the same bytes as without a stop": found["same bytes"],
    }


def report(found: dict[str, Any]) -> str:
    whole, stopped = found["whole"], found["stopped"]
    memory = whole["megabytes"]
    before, after = found["networks alone, texts a second"]
    lines = [
        f"networks alone, all cores   {before:,.0f} texts/s before, {after:,.0f} after",
        f"score                       {whole['rows_per_second']:,.0f} rows/s, "
        f"{100 * found['share']:.1f} % of that "
        f"({whole['rows_per_second_in_all']:,.0f} with the start of its processes)",
        f"memory of the main process  {memory['25 %']:.0f} MB at 25 % of the file, "
        f"{memory['end']:.0f} MB at its end",
        f"stopped and gone on with    at {stopped['rows']:,} rows; {found['lost']} lost, "
        f"{found['doubled']} doubled; "
        f"{'the same bytes' if found['same bytes'] else 'other bytes than'} as without a stop",
    ]
    lines += [f"{'yes' if holds else 'NO ':<4}{name}" for name, holds in verdicts(found).items()]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scoring",
        description="Scores a file of short reviews, whole and with a stop half-way, and the "
        "networks alone before and after it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    # Fewer are done before a quarter of them is seen, or Ctrl-C comes.
    parser.add_argument("--rows", type=at_least(100_000), default=ROWS)
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the bundles")
    parser.add_argument("--workers", type=int, default=usable_cores(), help="processes")
    parser.add_argument("--seconds", type=float, default=20, help="of each run of the networks")
    parser.add_argument("--folder", type=Path, help="for the files, about 400 bytes a row")
    parser.add_argument("--output", type=Path, help="as JSON, whatever is asked")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
