"""``bt-augment doctor``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from bt_augment.cli.common import common_options
from bt_augment.cli.terminal import echo, print_json
from bt_augment.errors import BtAugmentError


@click.command("doctor")
@common_options
def command(quiet: bool, as_json: bool) -> None:
    """Check the installation: packages, model, cache, devices."""
    from bt_augment.generation.diagnosis import diagnose

    findings = diagnose(os.environ, Path.cwd())
    if as_json:
        print_json([{"check": f.check, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        for finding in findings:
            mark, colour = ("ok  ", "green") if finding.ok else ("FAIL", "red")
            click.secho(mark, fg=colour, nl=False, file=sys.stdout)
            echo(f"  {finding.check}: {finding.detail}")
    if not all(finding.ok for finding in findings):
        raise BtAugmentError("something above needs attention")
