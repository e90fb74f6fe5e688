"""Results files as a report needs them: checked, and with or without their scores per query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bt_augment.errors import InputError
from bt_augment.evaluation.arms import Arm
from bt_augment.evaluation.results import per_query_path, read_content

Numbers = dict[str, float]


class Training(BaseModel):
    """What the results of a model that bt-augment trained say of its training."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    base_model: str
    runs: list[str]
    methods: list[str]
    rows: int
    alpha: float
    augmented_share: float | None
    steps: int | None = None
    batch_size: int | None = None
    seed: int | None = None


class Results(BaseModel):
    """The parts of a results file that a report shows; what else is in it is passed over."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model: str
    benchmark: str
    candidate_text: str = "sentence"
    model_fingerprint: str = ""
    backend: str = ""
    training: Training | None = None
    counts: dict[str, dict[str, int]] = {}
    settings: dict[str, Numbers]
    matrix: dict[str, dict[str, Numbers]] = {}
    multi_by_language: dict[str, Numbers] = {}
    language_bias: dict[str, Numbers] = {}
    overlap: dict[str, Any] = {}
    seconds: float | None = None
    versions: dict[str, str] = {}

    @property
    def group(self) -> tuple[str, str]:
        """Return what results must share to be compared."""
        return self.benchmark, self.candidate_text


def read_checked(path: Path) -> Results:
    """Return a results file.

    Raises:
        InputError: it is missing, or not what ``evaluate`` writes.
    """
    content = read_content(path)
    try:
        return Results.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: is not a results file of bt-augment evaluate: {place}: {first['msg']}"
        ) from error


def have_queries(arms: Sequence[Arm]) -> bool:
    """Tell whether the scores per query of all results lie beside them."""
    return all(per_query_path(path).is_file() for arm in arms for path in arm.results)
