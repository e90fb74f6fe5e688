"""The ``bt-augment`` command. Each sub-command is imported when it is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import io
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from bt_augment.cli.main import INTERRUPTED, TERMINATED
from bt_augment.cli.places import copies_of_runs
from bt_augment.cli.secrets import Secrets
from bt_augment.cli.terminal import echo, take_streams
from bt_augment.errors import BtAugmentError, InputError, did_you_mean, renamed_in_errors

USER_ERROR = 2
# What the system refuses of the names that a user chose, and what to do.
_REFUSED = {
    errno.EACCES: "change its permissions, or name another",
    errno.EPERM: "change its permissions, or name another",
    errno.EROFS: "name another",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.ELOOP: "name what its links should lead to",
    errno.EIO: "look at the disk, and run the same command again",
    errno.ESTALE: "mount its file system again, and run the same command again",
    errno.EMFILE: "raise the limit of open files (ulimit -n), and run the same command again",
    errno.ENFILE: "run the same command again when fewer files are open",
    errno.EBUSY: "something else holds it: close that, and run the same command again",
    errno.ENOLCK: "name a place on a file system that has locks",
}
_NO_ROOM = "failed to map segment"  # of a library that memory has no room for

_COMMANDS = {
    "generate": "Translate QA pairs along routes, filter them, write Arrow shards.",
    "filter": "Judge a run anew by other thresholds; translates nothing.",
    "inspect": "Show pairs of a run, with scores and verdicts.",
    "verify": "Check a run: files unchanged, books balanced.",
    "lexicon": "Induce a bilingual lexicon from a run, for --code-switch.",
    "report": "Write one HTML file to look at a run, or at results.",
    "export": "Write a run for another training tool.",
    "publish": "Publish a run as a data set of the Hugging Face Hub.",
    "train": "Train a dense retriever on runs, in hybrid batches.",
    "evaluate": "Score an encoder on a retrieval benchmark, in all languages.",
    "run": "Run a whole experiment: generate, train, evaluate, compare.",
    "compare": "Tell whether one result is better than another, or luck.",
    "models": "List, describe and convert translation models.",
    "doctor": "Check the installation.",
}


class _LazyGroup(click.Group):
    """Knows the names and one-line helps; imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"bt_augment.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], _COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        # A run on an object store is read from the cache, which its user knows nothing of.
        with renamed_in_errors(copies_of_runs(ctx)):
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bt-augment", prog_name="bt-augment")
def app() -> None:
    """Make back-translated question-answer pairs for multilingual retrieval."""


class _Ended:
    """Takes SIGTERM as Ctrl-C: temporary files are removed and locks let go of.

    Attributes:
        told: whether the signal has come.
    """

    def __init__(self) -> None:
        self.told = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.told = True
        raise KeyboardInterrupt


def _check_encoding(arguments: Sequence[str]) -> None:
    """Refuse what is no text: it can neither be written into a run's files nor given to Arrow."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise InputError(
                f"{argument}: is not {sys.getfilesystemencoding().upper()}, the encoding of this "
                "system's names; rename the file, or choose another locale"
            )


def _check_working_folder() -> None:
    """Refuse a working folder that is gone: relative names, and libraries, need one."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(
            "the working folder of this command has disappeared; go to one that is there (cd) and "
            "run the same command again"
        ) from error


def _lacks_memory(error: Exception) -> NoReturn:
    said = f" ({error})" if str(error) else ""
    echo(
        f"error: not enough memory{said}. Free some, raise the limit, or take fewer --workers "
        "or smaller batches (in translating: translation.decoding.batch_tokens); what is finished "
        "is kept, and the same command goes on (train with --resume in place "
        "of --overwrite)",
        err=True,
    )
    sys.exit(USER_ERROR)


def run(*, hears_interrupts: bool) -> NoReturn:
    """Run the command line.

    It exits with 0, 2 (a user's error), 130 (interrupted), 143 (told to end) or 1 (a bug).

    Args:
        hears_interrupts: whether Ctrl-C ends it, as opposed to being ignored.
    """
    take_streams()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    secrets = Secrets(os.environ)
    secrets.keep_out_of_logs()
    secrets.keep_out_of_tracebacks()
    ended = _Ended()
    try:
        # From here on what is said of a signal depends on what was done; see main().
        signal.signal(signal.SIGTERM, ended)
        if hears_interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        _check_encoding(sys.argv[1:])
        _check_working_folder()
        app(prog_name="bt-augment", standalone_mode=False)
        sys.stdout.flush()
    except BtAugmentError as error:
        echo(secrets.redacted(f"error: {error}"), err=True)
        sys.exit(USER_ERROR)
    except MemoryError as error:  # the machine's or a limit's doing, whatever asked last
        _lacks_memory(error)
    except OSError as error:
        # What a command looks for first by a user's name, it finds nothing by.
        if error.errno == errno.ENAMETOOLONG:
            said = f"no file can have this name ({error.strerror}); name another"
        elif error.errno in _REFUSED:
            said = f"the system refuses it ({error.strerror}); {_REFUSED[error.errno]}"
        else:
            raise
        name = "a file, it does not say which" if error.filename is None else error.filename
        echo(secrets.redacted(f"error: {name}: {said}"), err=True)
        sys.exit(USER_ERROR)
    except ImportError as error:
        if _NO_ROOM not in str(error):
            raise
        _lacks_memory(error)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        echo(secrets.redacted(shown.getvalue()), err=True, nl=False)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except (KeyboardInterrupt, click.Abort) as stop:
        # click makes its own exception of Ctrl-C, and what a command said of it is the cause.
        told = str(stop) or str(stop.__cause__ or "")
        how = told or "run the same command again"
        echo(f"{'ended' if ended.told else 'interrupted'}: {how}", err=True)
        with contextlib.suppress(BtAugmentError):
            sys.stdout.flush()
        # Translation threads cannot be interrupted, and leaving by the front door waits for them.
        os._exit(TERMINATED if ended.told else INTERRUPTED)
    sys.exit(0)
