"""The Slurm jobs of docs/cluster.md, run as they are written by stand-ins for Slurm's commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPE = "input: {lang: en}\nroutes: [en:pt]\noutput: {unit_rows: 2}\n"
# Runs a job at once, and each part of an array in turn.
SBATCH = """
import os, re, subprocess, sys
script = sys.argv[-1]
text = open(script).read()
array = re.search(r"--array=0-(\\d+)", text)
cores = re.search(r"--cpus-per-task=(\\d+)", text)[1]
count = int(array[1]) + 1 if array else 1
for part in range(count):
    place = {"SLURM_ARRAY_TASK_ID": str(part), "SLURM_ARRAY_TASK_COUNT": str(count)}
    job = {**os.environ, **(place if array else {}), "SLURM_CPUS_PER_TASK": cores}
    subprocess.run(["bash", "-eu", script], env=job, check=True, stdout=sys.stderr)
print(7)
"""


@pytest.mark.slow
def test_the_jobs_make_the_run_that_one_machine_makes(
    tmp_path, english, make_run, arrow_bytes, environment
):
    # Given the commands of the page, with fewer parts and cores
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (jobs,) = (block for block in blocks if "sbatch" in block)
    assert "--array=0-63" in jobs
    jobs = re.sub(r"--cpus-per-task=\d+", "--cpus-per-task=1", jobs.replace("0-63", "0-1"))
    pq.write_table(pa.Table.from_pylist(english[:8]), tmp_path / "pairs.parquet")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "cluster.yaml").write_text(RECIPE, encoding="utf-8")
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, code in (
        ("sbatch", f"#!{sys.executable}\n{SBATCH}"),
        ("srun", '#!/bin/bash\nexec "$@"\n'),
        ("bt-augment", f"#!{sys.executable}\nfrom bt_augment.cli.main import main; main()\n"),
    ):
        (commands / name).write_text(code, encoding="utf-8")
        (commands / name).chmod(0o755)

    # When they are followed
    done = subprocess.run(
        ["bash", "-eu", "-c", jobs],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env={**environment, "PATH": f"{commands}:{os.environ['PATH']}", "SCRATCH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    # Then two parts were made apart, and the joined run is that of one machine
    assert "shard 1/2: 2 units made" in done.stderr
    assert "shard 2/2: 2 units made" in done.stderr
    made = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert len(made["units"]) == 4
    make_run(
        tmp_path / "local", tmp_path / "pairs.parquet", "output.unit_rows=2", routes=("en:pt",)
    )
    assert arrow_bytes(tmp_path / "run") == arrow_bytes(tmp_path / "local")
