"""How well a build does on labelled samples, on the host and on the simulated core."""

from tinyiree.evaluation.evaluate import Where, evaluate
from tinyiree.evaluation.model import Evaluation, read
from tinyiree.evaluation.score import ScoreName

__all__ = ["Evaluation", "ScoreName", "Where", "evaluate", "read"]
