"""Are the rows of a shard those of a run? Asked before a shard of any origin is used."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from bt_augment.languages import is_tag
from bt_augment.pairs.schema import METHODS, NATIVE, row_schema

_LANGUAGES = ("question_lang", "passage_lang")
_SHOWN = 40  # characters of what is no tag
_SCORES = "scores"  # their names differ from version to version
_MAY_BE_NULL = frozenset({"title", "answers", "pivot_question", "pivot_passage", "models", _SCORES})


def row_problem(table: pa.Table, schema: pa.Schema | None = None) -> str | None:
    """Return in what rows differ from those that ``generate`` writes, or None.

    Arrow takes offsets and lengths of a file on trust until it is told to validate them: a made-up
    file could else show any memory of the process.

    Args:
        table: the rows of one shard, all columns.
        schema: of the rows of a run; made rows that are not judged have fewer columns.
    """
    try:
        table.validate(full=True)
        return _difference(table, schema or row_schema(()))
    except pa.ArrowMemoryError:
        raise  # the rows may well be sound
    except (pa.ArrowException, UnicodeDecodeError) as error:
        return f"is no valid Arrow data ({' '.join(str(error).split())})"


def _difference(table: pa.Table, schema: pa.Schema) -> str | None:
    if table.schema.names != schema.names:
        return "has other columns than the rows of a run"
    for field in schema:
        if not _fits(field, table.schema.field(field.name).type):
            return f"has a column {field.name} of another type than the rows of a run"
    for name in schema.names:
        column = table.column(name)
        if column.null_count and name not in _MAY_BE_NULL:
            return f"has rows without {name}"
        if pa.types.is_list(column.type) and _holds_null(pc.list_flatten(column)):
            return f"has nothing where {name} lists something"
    known = pc.is_in(table.column("method"), value_set=pa.array(METHODS))
    if not pc.all(known).as_py() and table.num_rows:
        return f"has rows of another method than {', '.join(METHODS)}"
    made = table.filter(pc.not_equal(table.column("method"), NATIVE))
    if pc.any(pc.less(pc.list_value_length(made.column("route")), 2)).as_py():
        return "has made rows whose route does not lead from one language to another"
    for name in _LANGUAGES:
        for tag in pc.unique(table.column(name)).to_pylist():
            if not is_tag(tag):
                return f"has a {name} that is no BCP-47 tag: {tag[:_SHOWN]!r}"
    return None


def _fits(field: pa.Field, kind: pa.DataType) -> bool:
    if field.name != _SCORES:
        return bool(kind == field.type)
    return pa.types.is_struct(kind) and all(
        score.name and pa.types.is_float32(score.type) for score in kind
    )


def _holds_null(values: pa.ChunkedArray) -> bool:
    if values.null_count:
        return True
    if not pa.types.is_struct(values.type):
        return False
    return any(pc.struct_field(values, [i]).null_count for i in range(values.type.num_fields))
