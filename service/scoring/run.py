"""A file scored from beginning to end, or from where it was stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import UsageError
from service.scoring import arrow
from service.scoring.chunks import CHUNK_ROWS, Added, Chunk, Plan, Readers, Scored, Source
from service.scoring.encode import header
from service.scoring.formats import Format, Place
from service.scoring.output import FileOutput, Output, StreamOutput, refuse_finished
from service.scoring.pool import Workers, result
from service.scoring.progress import Bar
from service.scoring.text import TextSource


@dataclass(frozen=True)
class Request:
    """What somebody wants to have scored."""

    source: Place
    target: Place
    text_column: str = "text"
    model: str | None = None
    prefix: str = ""
    details: bool = False
    restart: bool = False
    max_characters: int = 100_000
    bar: bool = True
    chunk_rows: int = CHUNK_ROWS


@dataclass(frozen=True)
class Summary:
    scored: int  # rows, those before a stop included
    rejected: int
    rejected_file: Path | None
    seconds: float  # of this run, from when the bundles were loaded
    rows_per_second: float


# Makes the processes, once it is known how many have something to do.
WorkersOf = Callable[[int | None], AbstractContextManager[Workers]]


def score(request: Request, workers_of: WorkersOf) -> Summary:
    """
    Raises:
        UsageError: what was asked for does not fit the file or the bundles.
        CommandError: the input cannot be read, the output not written, the bundles not used.
    """
    _refuse(request)
    with closing(_source(request)) as source:
        text_column = _text_column(request, source)
        with workers_of(source.most_chunks()) as workers:
            readers = workers.readers(request.model)
            plan = _plan(request, source, text_column, readers)
            with closing(_output(request, plan, readers)) as output:
                return _run(source, workers, output, plan, bar=request.bar)


def _refuse(request: Request) -> None:
    """Before anything is opened."""
    paths = [place.path for place in (request.source, request.target) if place.path]
    if len(paths) == 2 and paths[0].exists() and paths[1].exists() and paths[0].samefile(paths[1]):
        raise UsageError(f"--output={request.target} is the input: give another name.")
    if request.source.path and request.source.path.is_dir():
        raise UsageError(f"{request.source} is a folder: give the name of a file.")
    if request.target.format is Format.PARQUET:
        arrow.require()
        if request.source.format is Format.JSONL:
            raise UsageError(
                f"--output={request.target}: JSON Lines do not say what type a column of Parquet "
                "should have. Write .jsonl or .csv, or convert the input to Parquet first."
            )
    if request.target.path and request.target.is_file and not request.restart:
        refuse_finished(request.target.path)


def _source(request: Request) -> Source:
    if request.source.format is Format.PARQUET:
        return arrow.ParquetSource(request.source, request.text_column, request.chunk_rows)
    return TextSource(
        request.source, request.text_column, request.max_characters, request.chunk_rows
    )


def _text_column(request: Request, source: Source) -> str:
    """The name of the column as it stands in the file.

    Raises:
        UsageError: there is no such column, or two have the same name.
    """
    names = source.columns
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(f"{request.source}: two columns are called {twice[0]!r}. Rename one.")
    if request.text_column in names or not names:
        return request.text_column
    blank_around = [name for name in names if name.strip() == request.text_column]
    if not blank_around:
        known = ", ".join(repr(name[:40]) for name in names)
        raise UsageError(
            f"{request.source}: no column {request.text_column!r}; there are {known}. Name the one "
            "with the texts by --text-column."
        )
    return blank_around[0]


def _plan(request: Request, source: Source, text_column: str, readers: Readers) -> Plan:
    labels = _one_set_of(readers)
    added = _added(labels, request)
    taken = [column.name for column in added if column.name in source.columns]
    if taken:
        raise UsageError(
            f"{request.source}: it has a column {taken[0]!r} already. Give the added ones another "
            "beginning, such as --prefix predicted_."
        )
    return Plan(
        source=request.source.format,
        target=request.target.format,
        packed=request.target.packed,
        columns=source.columns,
        schema=source.schema,
        text_column=text_column,
        added=added,
        labels=labels,
        details=request.details,
        model=request.model,
        max_characters=request.max_characters,
    )


def _one_set_of(readers: Readers) -> tuple[str, ...]:
    """
    Raises:
        UsageError: two bundles that may be used have different labels.
    """
    first, *others = readers.labels
    if any(set(labels) != set(first) for labels in others):
        each = "; ".join(
            f"{name}: {', '.join(labels)}"
            for name, labels in zip(readers.digests, readers.labels, strict=True)
        )
        raise UsageError(
            f"The bundles for the languages of the texts have different labels ({each}), so they "
            "cannot share their columns. Choose one by --model."
        )
    return first


def _added(labels: tuple[str, ...], request: Request) -> tuple[Added, ...]:
    """
    Raises:
        UsageError: a class is called as another column that is added.
    """
    kinds: list[tuple[str, type]] = [("label", str), ("score", float)]
    kinds += [(label, float) for label in labels]
    if request.details:
        kinds += [("model", str), ("tokens", int), ("truncated", bool), ("known", float)]
    names = [name for name, _ in kinds]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UsageError(
            f"A class of the bundle is called {twice[0]!r}, and so is a column that is added "
            "for every bundle. Train it with another name for that class."
        )
    return tuple(Added(request.prefix + name, kind) for name, kind in kinds)


def _output(request: Request, plan: Plan, readers: Readers) -> Output:
    run = {**_identity(request.source), **_options(plan), "bundles": readers.digests}
    if not request.target.is_file or request.target.path is None:
        return StreamOutput(request.target, run)
    return FileOutput(
        request.target, run, resumable=request.source.is_file, restart=request.restart
    )


def _identity(source: Place) -> dict[str, Any]:
    if source.path is None or not source.is_file:
        return {"input": str(source)}
    status = source.path.stat()
    return {"size of the input": status.st_size, "time of the input": status.st_mtime_ns}


def _options(plan: Plan) -> dict[str, Any]:
    return {
        "format": [plan.source, plan.target, plan.packed],
        "--text-column": plan.text_column,
        "--prefix, --details or set of labels": [column.name for column in plan.added],
        "--model": plan.model,
        "MAX_CHARACTERS": plan.max_characters,
    }


def _run(source: Source, workers: Workers, output: Output, plan: Plan, *, bar: bool) -> Summary:
    progress = output.progress
    shown = Bar(source.total, progress.position.done if progress.position else 0, shown=bar)
    if not progress.complete:
        if progress.position is None:
            output.begin(header(plan))
        with closing(shown):
            _score(source, workers, output, plan, shown)
    output.finish()
    return Summary(
        progress.scored_rows,
        progress.rejected_rows,
        output.rejected,
        shown.seconds,
        shown.rows_per_second,
    )


def _score(source: Source, workers: Workers, output: Output, plan: Plan, bar: Bar) -> None:
    waiting: deque[tuple[Chunk, Future[Scored]]] = deque()

    def write_oldest() -> None:
        chunk, future = waiting.popleft()
        scored = result(future)
        output.write(scored, chunk.after)
        bar.show(chunk.after.done, scored.scored_rows + scored.rejected_rows)

    for chunk in source.chunks(output.progress.position):
        waiting.append((chunk, workers.submit(chunk, plan)))
        if len(waiting) >= workers.at_once:
            write_oldest()
    while waiting:
        write_oldest()
