"""Arms x alphas x seeds of generate, train, evaluate and compare; every step cached."""

from bt_augment.experiment.loading import load_experiment
from bt_augment.experiment.plan import Plan, make_plan
from bt_augment.experiment.recipe import Experiment
from bt_augment.experiment.runner import Outcome, run_experiment, states_of

__all__ = [
    "Experiment",
    "Outcome",
    "Plan",
    "load_experiment",
    "make_plan",
    "run_experiment",
    "states_of",
]
