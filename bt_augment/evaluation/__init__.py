"""Evaluation: one encoding per text, exact rankings, the field's metrics, paired comparison."""

from bt_augment.evaluation.arms import Arm
from bt_augment.evaluation.comparison import Comparison, compare
from bt_augment.evaluation.evaluator import Evaluation, evaluate

__all__ = ["Arm", "Comparison", "Evaluation", "compare", "evaluate"]
