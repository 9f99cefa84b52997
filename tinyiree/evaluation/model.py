"""The result of an evaluation as data: the content of evaluation.json."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyiree.errors import TinyireeError


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of a class, or averaged over classes, each 0 to 1.

    Attributes:
        name: of the class; "macro" for the mean over classes, "weighted" by their samples.
        precision: share of right answers among those that name the class; 0 when there are none.
        recall: share of the class's samples that are found.
        f1: harmonic mean of the two.
        samples: that are of the class.
    """

    name: str
    precision: float
    recall: float
    f1: float
    samples: int


@dataclass(frozen=True)
class Metrics:
    """How well one machine did.

    Attributes:
        values: by name: ``accuracy``, ``top_3_accuracy``, ``roc_auc``, ``average_precision``,
            ``threshold`` of a score; ``mean_absolute_error``, ``root_mean_squared_error``, ``r2``
            of a regression. All of them are 0 to 1 but the errors, the threshold and r2.
        classes: by class.
        averages: macro and weighted.
        confusion: a row for each true class, a column for each answer: numbers of samples.
    """

    values: dict[str, float]
    classes: tuple[Scores, ...] = ()
    averages: tuple[Scores, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Agreement:
    """Device against host.

    Attributes:
        bit_exact: samples whose bytes are all equal.
        same_answer: samples with the same answer (for a score: on the same side of the threshold).
    """

    bit_exact: int
    same_answer: int


@dataclass(frozen=True)
class Evaluation:
    """The content of evaluation.json.

    Attributes:
        version: of tinyiree.
        model: its name.
        target: the core that it was built for.
        samples: how many.
        source: what the samples are called.
        score: what was judged: class, positive, reconstruction or value.
        main: the metric in `Metrics.values` that sums it up.
        note: how the answers were found.
        host: the integer (or float) module on this machine; None when only the core ran.
        device: the firmware on the simulated core; None when only the host ran.
        agreement: when both ran.
        instructions: mean for an inference on the core, when that ran.
    """

    version: str
    model: str
    target: str
    samples: int
    source: str
    score: str
    main: str
    note: str
    host: Metrics | None = None
    device: Metrics | None = None
    agreement: Agreement | None = None
    instructions: int | None = None

    @property
    def best_known(self) -> Metrics:
        """The metrics of the core, or of the host when only that ran."""
        found = self.device or self.host
        assert found is not None
        return found

    @property
    def bit_exact(self) -> bool:
        """False when core and host were compared and a byte differs."""
        return self.agreement is None or self.agreement.bit_exact == self.samples

    def as_json(self) -> str:
        """The text of evaluation.json."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read(path: Path) -> Evaluation:
    """Read evaluation.json.

    Raises:
        TinyireeError: the file is missing or is none.
    """
    try:
        content = json.loads(path.read_text())
        content["host"] = _metrics(content["host"])
        content["device"] = _metrics(content["device"])
        content["agreement"] = Agreement(**content["agreement"]) if content["agreement"] else None
        return Evaluation(**content)
    except FileNotFoundError as error:
        raise TinyireeError(f"{path}: no such file; write it with `tinyiree evaluate`") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TinyireeError(
            f"{path} is no result of `tinyiree evaluate` ({error}); run that again"
        ) from error


def _metrics(content: dict[str, Any] | None) -> Metrics | None:
    if content is None:
        return None
    return Metrics(
        values=content["values"],
        classes=tuple(Scores(**entry) for entry in content["classes"]),
        averages=tuple(Scores(**entry) for entry in content["averages"]),
        confusion=tuple(tuple(row) for row in content["confusion"]),
    )
