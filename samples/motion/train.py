"""Train the network and write weights.npz: `python samples/motion/train.py`, half a minute."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from data import CHANNELS, WINDOW, Floats, calibration, recordings, scale, test
from model import WEIGHTS, Motion
from torch.nn import functional

import tinyiree
from tinyiree.data import save_weights

STEPS = 600
BATCH = 32


def draw(recording: Floats, generator: np.random.Generator) -> Floats:
    """A window [6, 50] from a random place of a recording [6, 100], its pace and force changed."""
    pace = generator.uniform(0.85, 1.15)
    start = generator.uniform(0, recording.shape[1] - 1 - WINDOW * pace)
    places = start + np.arange(WINDOW) * pace
    time = np.arange(recording.shape[1])
    window = np.stack([np.interp(places, time, channel) for channel in recording])
    window = window * generator.uniform(0.7, 1.4) + generator.normal(0, 0.2, (CHANNELS, WINDOW))
    return scale(window)


def main() -> None:
    """Train with a fixed seed and number of steps; the test set only gives the report."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    x, y = recordings("TRAIN")
    module = Motion()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=STEPS)
    for step in range(STEPS):
        picked = generator.integers(len(x), size=BATCH)
        batch = torch.from_numpy(np.stack([draw(x[k], generator) for k in picked]))
        loss = functional.cross_entropy(
            module(batch), torch.from_numpy(y[picked]), label_smoothing=0.05
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)
    module.eval()
    save_weights(module, WEIGHTS)
    windows, labels = test()
    with torch.no_grad():
        scores = module(torch.from_numpy(windows)).numpy()
    print(f"float accuracy on test windows: {np.mean(scores.argmax(1) == labels):.4f}")
    with tempfile.TemporaryDirectory() as folder:
        built = tinyiree.build(
            module,
            target="cortex-m4",
            quantize=tinyiree.Int8(calibration=calibration()),
            out=f"{folder}/motion",
        )
        (raw,) = built.run_host(built.encode(windows))
    answers = raw.reshape(len(labels), -1).argmax(1)
    print(f"int8 accuracy on test windows: {np.mean(answers == labels):.4f}")


if __name__ == "__main__":
    main()
