"""Fuzz the readers for as long as you like: ``python tests/fuzz/fuzz.py --seconds 60``.

With atheris (``pip install atheris``) inputs are led by the coverage of the package; without it
they are drawn blindly, which finds less. An input that fails is written to ``found/TARGET/``; mend
the package, and leave the file there: the tests try it again for ever.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

HANG_SECONDS = 25


def main() -> int:
    """Fuzz the targets one after another; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--target", action="append", help="only this one; repeatable")
    parser.add_argument("--seed", type=int, default=1, help="of the draws (default: 1)")
    parser.add_argument("--blind", action="store_true", help="without atheris, if it is there")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    guided = find_spec("atheris") is not None and not given.blind
    if given.worker:
        worker = _guided if guided else _blind
        return worker(given.worker, given.seconds, given.seed, given.place)
    from seeds import FOUND
    from targets import TARGETS

    print("inputs are", "led by coverage (atheris)" if guided else "drawn blindly")
    failed = []
    for name in given.target or TARGETS:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_memory()) as place:
            command = [
                sys.executable, __file__, "--worker", name, "--seconds", str(given.seconds),
                "--seed", str(given.seed), "--place", place,
                *(["--blind"] if given.blind else []),
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if (FOUND / name).is_dir() and not any((FOUND / name).iterdir()):
            (FOUND / name).rmdir()
        counts = [line for line in done.stderr.splitlines() if line.startswith(("Done ", "runs "))]
        print(f"{name:16} {'ok' if not done.returncode else 'FAILED'}  {' '.join(counts[-1:])}")
        if done.returncode:
            failed.append(name)
            print(done.stderr[-4000:])
    return 1 if failed else 0


def _memory() -> Path | None:
    """Return where files are written: memory, where there is such a disk."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


def _guided(name: str, seconds: int, seed: int, place: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=["bt_augment"]):
        import targets
        from seeds import FOUND, seeds, words

        inputs = seeds()[name]
        for data in inputs:  # imports what the target imports when it is at work
            targets.run(targets.TARGETS[name], data, place / "at")
    corpus, dictionary = place / "corpus", place / "words"
    corpus.mkdir()
    for number, data in enumerate(inputs):
        (corpus / f"seed-{number}").write_bytes(data)
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in words() if len(word) < 64))
    target = targets.TARGETS[name]

    def one_input(data: bytes) -> None:
        targets.run(target, data, place / "at")

    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    # The fuzzer itself keeps what fails, for an input may end the process.
    arguments = [
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=65536",
        f"-timeout={HANG_SECONDS}", f"-dict={dictionary}", f"-artifact_prefix={found}/",
        f"-report_slow_units={10 * HANG_SECONDS}", "-rss_limit_mb=4096", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()
    return 0


def _blind(name: str, seconds: int, seed: int, place: Path) -> int:
    from mutation import mutated
    from seeds import FOUND, seeds, words
    from targets import TARGETS, run

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"still at work after {HANG_SECONDS} s")

    signal.signal(signal.SIGALRM, stop)
    draw = random.Random(f"{seed} {name}")
    inputs, pieces = seeds()[name], words()
    end = time.monotonic() + seconds
    runs = 0
    while time.monotonic() < end:
        data = mutated(draw, inputs, pieces)
        signal.alarm(HANG_SECONDS)
        try:
            run(TARGETS[name], data, place / "at")
        except Exception:  # noqa: BLE001 - whatever a target raises is the finding
            print(f"{_keep(FOUND / name, data)}:\n{traceback.format_exc()}", file=sys.stderr)
            return 1
        finally:
            signal.alarm(0)
        runs += 1
    print(f"runs {runs}", file=sys.stderr)
    return 0


def _keep(folder: Path, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
