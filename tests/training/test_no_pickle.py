"""Training, resuming and evaluating load no pickle, and a made-up one runs no code."""

from pathlib import Path

import pytest
import torch

from bt_augment.errors import BtAugmentError
from bt_augment.training.model_folder import ModelFolder
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import train

# The interpreter itself tells of every class that an unpickler looks up.
WATCHED = """
import sys
looked_up = []
def hook(event, arguments):
    if event == "pickle.find_class" and watching:
        looked_up.append(arguments[:2])
watching = False
sys.addaudithook(hook)

from pathlib import Path
from bt_augment.evaluation.encoders import load_encoder
from bt_augment.training.settings import TrainingSettings
from bt_augment.training.trainer import train

run, base, out = map(Path, sys.argv[1:])
settings = TrainingSettings(
    f"static:{base}", steps=12, save_steps=3, batch_size=4, dimensions=8, held_out=0.1, device="cpu"
)
class Interruption:
    def start(self, stage, total): pass
    def advance(self, stage, done):
        if done == 8 * 4:
            raise KeyboardInterrupt
watching = True
try:
    train([run], out, settings, progress=Interruption())
except KeyboardInterrupt:
    pass
assert train([run], out, settings, resume=True).resumed_at == 6
load_encoder(str(out), out.parent / "cache", device="cpu").encode(["a"], "query")
print(looked_up)
"""


def test_no_pickle_is_loaded_from_training_to_evaluation(
    learning_command, finished, xlmr, tmp_path
):
    done = learning_command(finished, xlmr, tmp_path / "model", program=WATCHED)
    assert done.code == 0, done.err[-3000:]
    assert done.out.splitlines()[-1] == "[]"


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


class Stop(Exception):
    """What a user's interruption is to the trainer."""


class Interruption:
    def start(self, stage, total):
        pass

    def advance(self, stage, done):
        if done == 8 * 4:
            raise Stop


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_of_somebody_else_runs_no_code(finished, tiny_static, tmp_path, name):
    out, mark = tmp_path / "model", tmp_path / "mark"
    settings = TrainingSettings(
        tiny_static, steps=12, save_steps=3, batch_size=4, dimensions=8, held_out=0.1, device="cpu"
    )
    with pytest.raises(Stop):
        train([finished], out, settings, progress=Interruption())
    torch.save({"state": Evil(mark)}, out / "training" / "checkpoint-6" / name)
    ModelFolder(out).mark_checkpoint(6)  # digests prove no origin
    with pytest.raises(BtAugmentError, match=r"checkpoint.*--overwrite"):
        train([finished], out, settings, resume=True)
    assert not mark.exists()


def test_an_encoder_with_pickled_weights_runs_no_code(xlmr, tmp_path):
    import shutil

    from bt_augment.evaluation.encoders import load_encoder

    mark = tmp_path / "mark"
    folder = Path(shutil.copytree(xlmr, tmp_path / "encoder"))
    (folder / "model.safetensors").unlink()
    torch.save({"weights": Evil(mark)}, folder / "pytorch_model.bin")
    with pytest.raises(BtAugmentError):
        load_encoder(str(folder), tmp_path / "cache", device="cpu")
    assert not mark.exists()
