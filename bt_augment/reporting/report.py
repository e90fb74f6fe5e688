"""``report``: a page for a run, or for results, whichever is named."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bt_augment.errors import InputError
from bt_augment.evaluation.arms import Arm
from bt_augment.evaluation.results import per_query_path
from bt_augment.reporting.page import Written
from bt_augment.reporting.results_page import write_results_report
from bt_augment.reporting.run_page import EXAMPLES, write_run_report


def write_report(
    sources: Iterable[Path | str],
    out: Path | str,
    *,
    examples: int = EXAMPLES,
    metric: str = "RR@20",
    seed: int = 0,
    named: str | None = None,
) -> Written:
    """Write one HTML file that opens offline.

    Args:
        sources: one run folder; or results files, each as ``FILE`` or ``NAME=FILE,FILE,...``.
        out: the HTML file; one that is there is replaced.
        examples: pairs of a run to show at most.
        metric: the measure that arms are compared by.
        seed: of the draw of pairs, and of resampling.
        named: what the page calls a run, where its folder is a copy of it; its URL.

    Raises:
        BtAugmentError: what is named is neither, is damaged, or cannot be written.
    """
    out, sources = Path(out), list(sources)
    for name, value in (("examples", examples), ("seed", seed)):
        if value < 0:
            raise InputError(f"{name}: is {value}, and must be 0 or more")
    # Not by Path.is_dir, which raises for a list of files that is longer than a name can be.
    folders = [source for source in sources if os.path.isdir(source)]  # noqa: PTH112
    if not sources or (folders and len(sources) > 1):
        raise InputError(
            "name one run folder, or results files of bt-augment evaluate; a report shows one or "
            "the other"
        )
    if folders:
        return write_run_report(Path(folders[0]), out, count=examples, seed=seed, named=named)
    arms = [Arm.parse(str(source)) for source in sources]
    for path in (path for arm in arms for path in arm.results):
        if not path.is_file():
            raise InputError(f"{path}: there is no such run folder or results file")
        if out.resolve() in (path.resolve(), per_query_path(path).resolve()):
            raise InputError(f"{out}: is what the report is made of; choose another --out")
    return write_results_report(arms, out, metric=metric, seed=seed)
