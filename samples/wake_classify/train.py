"""Train the wake stage: `python samples/wake_classify/train.py`, half a minute."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from data import calibration, test, train
from model import WEIGHTS, Wake, wake
from torch.nn import functional

import tinyiree as ti
from tinyiree.data import save_weights

EPOCHS = 150
BATCH = 25
NOISE = 4.0  # added to features, whose deviation is about 20
# A word that is missed is lost; silence that wakes the classifier costs energy alone.
CLASS_WEIGHTS = (1.0, 2.0)


def main() -> None:
    """Train with a fixed seed and a fixed number of epochs; the test half only gives the report."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.from_numpy(array) for array in train())
    module = Wake()
    # Silence is one sample in ten: it is drawn as often as words are.
    share = torch.where(y == 1, 1 / (y == 1).sum(), 1 / (y == 0).sum())
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        order = torch.multinomial(share, len(x), replacement=True, generator=generator)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            picked = order[start : start + BATCH]
            noise = torch.randn(x[picked].shape, generator=generator) * NOISE
            loss = functional.cross_entropy(
                module(x[picked] + noise), y[picked], weight=torch.tensor(CLASS_WEIGHTS)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch % 30 == 29:
            print(f"epoch {epoch + 1}: loss {total * BATCH / len(x):.4f}", flush=True)
    save_weights(module.eval(), WEIGHTS)
    report()


def report() -> None:
    """Print the accuracy on the test half, in float and in int8 on this machine."""
    x, y = test()
    with torch.no_grad():
        shown("float", wake()(torch.from_numpy(x)).argmax(1).numpy(), y)
    with tempfile.TemporaryDirectory() as folder:
        built = ti.build(
            wake(),
            target="cortex-m4",
            quantize=ti.Int8(calibration=calibration()),
            out=Path(folder) / "wake",
            name="wake",
        )
        shown("int8", built.run_host(built.encode(x))[0].reshape(-1, 2).argmax(1), y)


def shown(name: str, answers: np.ndarray, y: np.ndarray) -> None:
    """Print what is right, missed and woken in vain."""
    missed, vain = np.count_nonzero(answers < y), np.count_nonzero(answers > y)
    print(
        f"{name}: {100 * np.mean(answers == y):.2f} % of {len(y)}; {missed} of "
        f"{np.count_nonzero(y)} words missed, {vain} of {np.count_nonzero(y == 0)} silences wake"
    )


if __name__ == "__main__":
    report() if "--report" in sys.argv else main()
