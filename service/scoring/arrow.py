"""Parquet, and all that names pyarrow, which only Parquet needs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from service.errors import CommandError, UsageError
from service.scoring.chunks import CHUNK_ROWS, Chunk, Plan, Position
from service.scoring.formats import Place
from service.scoring.rows import Parsed, Rejection, Row, RowError, refuse

# A row group of the output is as large as this, or its rows as many.
_GROUP_BYTES = 32 << 20
_GROUP_ROWS = 1 << 17


def require() -> None:
    """
    Raises:
        CommandError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise CommandError(
            "Parquet needs pyarrow, which is not installed: python -m pip install 'pyarrow>=17' "
            "with the Python of this command."
        ) from error


class ParquetSource:
    """
    Raises:
        CommandError: it is not there, damaged, or no Parquet file.
    """

    def __init__(self, place: Place, text_column: str, chunk_rows: int = CHUNK_ROWS) -> None:
        require()
        import pyarrow
        from pyarrow import parquet

        assert place.path is not None  # input_place() sees to it
        self._place, self._chunk_rows = place, chunk_rows
        try:
            # By pages: a whole group of rows may not fit in memory.
            self._file = parquet.ParquetFile(place.path, buffer_size=1 << 20, pre_buffer=False)
        except FileNotFoundError as error:
            raise CommandError(f"{place}: no such file.") from error
        except (pyarrow.ArrowException, OSError) as error:
            raise CommandError(f"{place}: not a Parquet file, or damaged ({error}).") from error
        schema = self._file.schema_arrow
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.schema: bytes | None = schema.serialize().to_pybytes()
        self.total: int | None = self._file.metadata.num_rows
        if text_column in self.columns:
            _require_strings(place, schema.field(text_column))

    def close(self) -> None:
        self._file.close()

    def most_chunks(self) -> int:
        groups: int = self._file.num_row_groups
        return groups + (self.total or 0) // self._chunk_rows

    def chunks(self, position: Position | None) -> Iterator[Chunk]:
        import pyarrow

        row = position.offset if position else 0
        try:
            for batch in self._batches(row):
                row += batch.num_rows
                yield Chunk(stream(batch), row - batch.num_rows + 1, Position(row, row + 1, row))
        except (pyarrow.ArrowException, OSError) as error:
            raise CommandError(f"{self._place}: damaged behind row {row:,} ({error}).") from error

    def _batches(self, begin: int) -> Iterator[Any]:
        """From row `begin` on; groups before it are not read."""
        first = 0  # row of the group
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            if first + rows > begin:
                yield from self._of_group(group, skip=max(0, begin - first))
            first += rows

    def _of_group(self, group: int, skip: int) -> Iterator[Any]:
        for batch in self._file.iter_batches(
            self._chunk_rows, row_groups=[group], use_threads=False
        ):
            left_out = min(skip, batch.num_rows)
            skip -= left_out
            if left_out < batch.num_rows:
                yield batch.slice(left_out)


def _require_strings(place: Place, column: Any) -> None:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in (types.is_string, types.is_large_string)):
        raise UsageError(
            f"{place}: the column {column.name!r} holds {column.type}, expected strings. Name "
            "another by --text-column."
        )


def stream(batch: Any) -> bytes:
    """An Arrow stream of its own: schema, dictionaries and the batch."""
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def parse(content: bytes, first_line: int, plan: Plan) -> Parsed:
    """The rows of a stream of one batch."""
    import pyarrow

    with pyarrow.ipc.open_stream(content) as reader:
        batch = reader.read_next_batch()
    parsed, kept = Parsed(), []
    column = batch.column(batch.schema.get_field_index(plan.text_column))
    for place, value in enumerate(column):
        try:
            row = _row(batch, place, value, plan)
        except RowError as error:
            values = _plain(_values_as_far_as_they_go(batch, place))
            parsed.rejected.append(Rejection(first_line + place, str(error), values))
        else:
            parsed.rows.append(row)
            kept.append(place)
    parsed.batch = batch.take(pyarrow.array(kept, pyarrow.int64()))
    return parsed


def _row(batch: Any, place: int, value: Any, plan: Plan) -> Row:
    try:
        text = value.as_py()
    except UnicodeDecodeError as error:
        raise RowError("the text is not UTF-8") from error
    refuse(text, plan)
    if plan.target is plan.source:
        return Row(text, {})  # its other columns are never made Python's
    return Row(text, _plain(_values(batch, place)))


def _values(batch: Any, place: int) -> dict[str, Any]:
    """
    Raises:
        RowError: a string is not UTF-8, or a value, such as a time, is none that Python can hold.
    """
    return dict(_value(name, column[place]) for name, column in _columns(batch))


def _values_as_far_as_they_go(batch: Any, place: int) -> dict[str, Any]:
    """The same; what cannot be told is left out."""
    found: dict[str, Any] = {}
    for name, column in _columns(batch):
        with suppress(RowError):
            found |= dict([_value(name, column[place])])
    return found


def _columns(batch: Any) -> Iterable[tuple[str, Any]]:
    return zip(batch.schema.names, batch.columns, strict=True)


def _value(name: str, scalar: Any) -> tuple[str, Any]:
    import pyarrow

    try:
        return name, scalar.as_py()
    except UnicodeDecodeError as error:
        raise RowError("a string that is not UTF-8") from error
    except (ValueError, OverflowError, pyarrow.ArrowException) as error:
        raise RowError(f"{name!r} has a value that only Parquet can hold") from error


def _plain(values: Mapping[str, Any] | None) -> Any:
    """As JSON has it: times as ISO 8601, bytes as Base64, what has no such form as text."""
    return msgspec.to_builtins(values, enc_hook=str, str_keys=True)


def _schema(plan: Plan) -> Any:
    import pyarrow

    kinds = {
        str: pyarrow.string(),
        float: pyarrow.float64(),
        int: pyarrow.int64(),
        bool: pyarrow.bool_(),
    }
    if plan.schema is not None:
        schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(plan.schema))
    else:
        schema = pyarrow.schema([(name, pyarrow.string()) for name in plan.columns])
    for column in plan.added:
        schema = schema.append(pyarrow.field(column.name, kinds[column.kind]))
    return schema


def empty(plan: Plan) -> Any:
    """No rows, but all columns."""
    import pyarrow

    schema = _schema(plan)
    return pyarrow.RecordBatch.from_arrays(
        [pyarrow.array([], field.type) for field in schema], schema=schema
    )


def answered(parsed: Parsed, answers: Sequence[Sequence[Any]], plan: Plan) -> Any:
    """The batch of the rows with an answer each."""
    import pyarrow

    schema = _schema(plan)
    if parsed.batch is not None:
        columns = list(parsed.batch.columns)
    else:
        columns = [pyarrow.array([row.cells[place] for row in parsed.rows], pyarrow.string())
                   for place in range(len(plan.columns))]  # fmt: skip
    for place, column in enumerate(plan.added):
        kind = schema.field(column.name).type
        columns.append(pyarrow.array([answer[place] for answer in answers], kind))
    return pyarrow.RecordBatch.from_arrays(columns, schema=schema)


def assemble(streams: Path, output: Path) -> None:
    """Streams that stand one behind the other in a file, written as one Parquet file."""
    import pyarrow
    from pyarrow import parquet

    temporary = output.with_name(f"{output.name}.assembling")
    with pyarrow.OSFile(str(streams)) as source:
        batches = _batches(source)
        first = next(batches)  # the header, which has no rows
        with parquet.ParquetWriter(temporary, first.schema) as writer:
            for group in _groups(batches):
                writer.write_table(pyarrow.Table.from_batches(group), row_group_size=_GROUP_ROWS)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(output)


def _batches(source: Any) -> Iterator[Any]:
    import pyarrow

    while source.tell() < source.size():
        with pyarrow.ipc.open_stream(source) as reader:
            yield from reader


def _groups(batches: Iterator[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    size = rows = 0
    for batch in batches:
        group.append(batch)
        size, rows = size + batch.nbytes, rows + batch.num_rows
        if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
            yield group
            group, size, rows = [], 0, 0
    if group:
        yield group
