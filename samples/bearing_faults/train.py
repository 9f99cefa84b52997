"""Train the network and write weights.npz: `python samples/bearing_faults/train.py`, a minute.

With `--every-load`, train four times instead, each time without one load, and say how well the
networks know the load that they have not seen; nothing is written.
"""

from __future__ import annotations

import sys
import tempfile

import numpy as np
import torch
from data import (
    LOADS,
    TEST_LOAD,
    TRAIN_LOADS,
    WINDOW,
    Floats,
    Recording,
    calibration,
    normalize,
    recordings,
    test,
    windows_of,
)
from model import WEIGHTS, BearingFaults
from torch.nn import functional

import tinyiree
from tinyiree.data import save_weights

STEPS = 600
BATCH = 64


def draw(signals: list[Recording], generator: np.random.Generator) -> tuple[Floats, list[int]]:
    """A batch of windows [64, 1, 1024] from random places, each changed a little, with labels.

    Changed are the speed (3 % up or down, more than the loads differ), the sensor's polarity and
    the noise.
    """
    windows, labels = np.empty((BATCH, 1, WINDOW)), []
    for i, k in enumerate(generator.integers(len(signals), size=BATCH)):
        signal, label = signals[k]
        speed = generator.uniform(0.97, 1.03)
        length = int(WINDOW * speed) + 2
        start = generator.integers(len(signal) - length)
        places = np.arange(WINDOW) * speed
        windows[i, 0] = np.interp(places, np.arange(length), signal[start : start + length])
        labels.append(label)
    windows = normalize(windows * generator.choice((-1.0, 1.0), (BATCH, 1, 1)))
    noise = generator.normal(size=windows.shape) * generator.uniform(0, 0.2, (BATCH, 1, 1))
    return normalize(windows + noise), labels


def train(loads: tuple[int, ...]) -> BearingFaults:
    """A network trained on the recordings of these loads, with a fixed seed and number of steps."""
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    signals = recordings(loads)
    module = BearingFaults()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=STEPS)
    for step in range(STEPS):
        x, y = draw(signals, generator)
        scores = module(torch.from_numpy(x))
        loss = functional.cross_entropy(scores, torch.tensor(y), label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)
    return module.eval()


def accuracy(module: BearingFaults, load: int) -> float:
    """The fraction of the windows at this load that the network classifies rightly."""
    x, y = windows_of((load,))
    with torch.no_grad():
        scores = module(torch.from_numpy(x)).numpy()
    return float(np.mean(scores.argmax(1) == y))


def int8_accuracy(module: BearingFaults) -> float:
    """The same for load 3, by the integer module that the firmware equals in every byte."""
    x, y = test()
    with tempfile.TemporaryDirectory() as folder:
        built = tinyiree.build(
            module,
            target="cortex-m4",
            quantize=tinyiree.Int8(calibration=calibration()),
            out=f"{folder}/bearing",
        )
        (scores,) = built.run_host(built.encode(x))
    return float(np.mean(scores.reshape(len(y), -1).argmax(1) == y))


def main() -> None:
    """Train, write the weights and print both accuracies; the test load only gives the report."""
    torch.set_num_threads(1)
    if "--every-load" in sys.argv[1:]:
        for held_out in LOADS:
            module = train(tuple(load for load in LOADS if load != held_out))
            print(f"without load {held_out}: accuracy at it {accuracy(module, held_out):.4f}")
        return
    module = train(TRAIN_LOADS)
    save_weights(module, WEIGHTS)
    print(f"float accuracy at load {TEST_LOAD}: {accuracy(module, TEST_LOAD):.4f}")
    print(f"int8 accuracy at load {TEST_LOAD}: {int8_accuracy(module):.4f}")


if __name__ == "__main__":
    main()
