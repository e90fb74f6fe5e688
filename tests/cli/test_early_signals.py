"""A signal in the first moments, while libraries are imported, ends a command as later ones do."""

import signal

import pytest

# Stops in the midst of the first import of the command line's own, and says so.
PROGRAM = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
class Slow:
    def find_spec(self, name, *_):
        if name == "click":
            print("importing", flush=True)
            time.sleep(60)
sys.meta_path.insert(0, Slow())
from bt_augment.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "interrupted: nothing was begun\n"),
        (signal.SIGTERM, 143, "ended: nothing was begun\n"),
    ],
)
def test_a_signal_while_libraries_are_imported_ends_it_in_one_line(new_command, number, code, said):
    process = new_command.start("verify", "run", program=PROGRAM)
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (code, said)


def test_an_interrupt_that_is_ignored_stays_ignored(new_command, finished):
    program = PROGRAM.replace("signal.default_int_handler", "signal.SIG_IGN").replace("60", "2")
    process = new_command.start("verify", finished, program=program)
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_signal_is_heard_where_standard_error_is_closed(new_command):
    process = new_command.start(
        "verify", "run", program=PROGRAM, prefix=("bash", "-c", 'exec "$@" 2>&-', "bash")
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
