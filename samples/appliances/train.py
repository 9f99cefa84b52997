"""Train the network and write weights.npz: `python samples/appliances/train.py`, a minute."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from data import READINGS, Floats, calibration, readings, test
from model import WEIGHTS, Appliances
from torch.nn import functional

import tinyiree
from tinyiree.data import save_weights

STEPS = 1500
BATCH = 32


def change(x: Floats, generator: np.random.Generator) -> Floats:
    """Another hour of a similar appliance, [3, 365]: other times, another pace, other powers."""
    x = np.roll(x, generator.integers(READINGS), 1)
    if generator.random() < 0.5:
        places = np.arange(READINGS) * generator.uniform(0.8, 1.25)
        x = x[:, places.astype(int) % READINGS]
    if generator.random() < 0.5:  # one part of the hour as another one
        part = (np.arange(generator.integers(READINGS // 3)) + generator.integers(READINGS)) % (
            READINGS
        )
        x = x.copy()
        x[:, part] = x[:, (part + generator.integers(READINGS)) % READINGS]
    # A logarithm of powers that are up to 11 % higher or lower is higher or lower by 0.15.
    x = x + np.sign(x) * generator.uniform(-0.15, 0.15) * (np.abs(x) > 1)
    return (x + generator.normal(0, 0.08, x.shape)).astype(np.float32)


def main() -> None:
    """Train with a fixed seed and number of steps; the test set only gives the report."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = np.random.default_rng(1)
    x, y = calibration(), readings("TRAIN")[1]
    module = Appliances()
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=5e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=STEPS)
    for step in range(STEPS):
        picked = generator.integers(len(x), size=BATCH)
        batch = torch.from_numpy(np.stack([change(x[k], generator) for k in picked]))
        loss = functional.cross_entropy(
            module(batch), torch.from_numpy(y[picked]), label_smoothing=0.1
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 300 == 299:
            print(f"step {step + 1}: loss {loss.item():.4f}", flush=True)
    module.eval()
    save_weights(module, WEIGHTS)
    hours, labels = test()
    with torch.no_grad():
        scores = module(torch.from_numpy(hours)).numpy()
    print(f"float accuracy on the test recordings: {np.mean(scores.argmax(1) == labels):.4f}")
    with tempfile.TemporaryDirectory() as folder:
        built = tinyiree.build(
            module,
            target="cortex-m4",
            quantize=tinyiree.Int8(calibration=calibration()),
            out=f"{folder}/appliances",
        )
        (raw,) = built.run_host(built.encode(hours))
    answers = raw.reshape(len(labels), -1).argmax(1)
    print(f"int8 accuracy on the test recordings: {np.mean(answers == labels):.4f}")
    for k in range(answers.max() + 1):
        print(f"  class {k}: {np.mean(answers[labels == k] == k):.2f}")


if __name__ == "__main__":
    main()
