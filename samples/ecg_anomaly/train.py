"""Train the network, choose the threshold and write both: `python samples/ecg_anomaly/train.py`.

Half a minute. Writes weights.npz and threshold.txt; prints the metrics in float and int8, and the
false alarms that the rule of ecg_alarm.py implies.
"""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from data import THRESHOLD, Floats, calibration, test, train
from ecg_alarm import ABNORMAL, BEATS, false_alarms_per_day
from model import WEIGHTS, EcgAnomaly
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

import tinyiree
from tinyiree.built import Built
from tinyiree.data import save_weights

STEPS = 4000
BATCH = 64
QUANTILE = 0.98  # of the held-out normal beats that are to stay below the threshold


def fit(beats: Floats) -> EcgAnomaly:
    """A network that redraws these beats, cleaned of a little noise that is put on them."""
    torch.manual_seed(1)
    x = torch.from_numpy(beats)
    module = EcgAnomaly()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=STEPS)
    for step in range(STEPS):
        clean = x[torch.randint(len(x), (BATCH,))]
        loss = (module(clean + 0.02 * torch.randn_like(clean)) - clean).abs().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 1000 == 999:
            print(f"step {step + 1}: error {loss.item():.4f}", flush=True)
    return module.eval()


def float_scores(module: EcgAnomaly, beats: Floats) -> Floats:
    """Mean absolute error of each beat, float32 [N]."""
    with torch.no_grad():
        redrawn = module(torch.from_numpy(beats)).numpy()
    return np.abs(redrawn - beats).mean((1, 2))


def int8_scores(built: Built, beats: Floats) -> Floats:
    """The same from the integer module; as in main.c, the beat itself is not rounded to int8."""
    (raw,) = built.run_host(built.encode(beats))
    output = built.manifest.outputs[0]
    assert output.scale is not None
    assert output.zero_point is not None
    redrawn = (raw.astype(np.float32) - output.zero_point) * np.float32(output.scale)
    return np.abs(redrawn.reshape(beats.shape) - beats).mean((1, 2))


def tell(kind: str, scores: Floats, labels: NDArray[np.int64], threshold: float) -> None:
    """Print the metrics of the abnormal class, and what the alarm rule makes of them."""
    above = scores > threshold
    precision, recall, f1, _ = precision_recall_fscore_support(labels, above, average="binary")
    print(
        f"{kind}: AUC {roc_auc_score(labels, scores):.4f}, threshold {threshold:.4f}, "
        f"precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}"
    )
    wrong, normal = int(above[labels == 0].sum()), int((labels == 0).sum())
    print(f"  {wrong} of {normal} normal beats above the threshold")
    # Clopper and Pearson's bound: so few beats say little about rare errors.
    worst = float(beta.ppf(0.95, wrong + 1, normal - wrong))
    for what, rate in (("measured", wrong / normal), ("at most, 95 %", worst)):
        alarms = false_alarms_per_day(rate)
        print(
            f"  {what}: {100 * rate:.2f} % of normal beats, {ABNORMAL} of {BEATS} in a row give "
            f"{alarms:.2g} false alarms a day (1 of 1: {false_alarms_per_day(rate, 1, 1):,.0f})"
        )


def main() -> None:
    """The test set only gives the report: the threshold comes from held-out training beats."""
    torch.set_num_threads(1)
    beats, held_out = train()
    x, y = test()
    module = fit(beats)
    save_weights(module, WEIGHTS)
    limit = float(np.quantile(float_scores(module, held_out), QUANTILE))
    tell("float", float_scores(module, x), y, limit)
    with tempfile.TemporaryDirectory() as folder:
        built = tinyiree.build(
            module,
            target="cortex-m4",
            quantize=tinyiree.Int8(calibration=calibration()),
            out=f"{folder}/ecg",
        )
        limit = float(np.quantile(int8_scores(built, held_out), QUANTILE))
        THRESHOLD.write_text(f"{limit:.5f}\n", encoding="utf-8")
        tell("int8", int8_scores(built, x), y, limit)


if __name__ == "__main__":
    main()
