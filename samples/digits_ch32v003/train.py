"""Train the network, write weights.npz: `python samples/digits_ch32v003/train.py`, a minute."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

import tinyiree as ti
from tinyiree.data import save_weights
from tinyiree.python_file import load_object

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights.npz"
EPOCHS = 100
BATCH = 32


def train(module: torch.nn.Module) -> None:
    """Train with a fixed seed and a fixed number of epochs, and leave the module in eval mode."""
    augment = load_object("../digits/train.py:augment", HERE)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.from_numpy(a) for a in load_object("../digits/data.py:train", HERE)())
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for epoch in range(EPOCHS):
        module.train()
        total = 0.0
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            picked = order[start : start + BATCH]
            scores = module(augment(x[picked], generator))
            loss = functional.cross_entropy(scores, y[picked], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {total * BATCH / len(x):.4f}", flush=True)
    module.eval()


def main() -> None:
    """Train; the test set only gives the report."""
    torch.manual_seed(1)
    module = load_object("model.py:SmallDigits", HERE)()
    train(module)
    save_weights(module, WEIGHTS)
    report()


def report() -> None:
    """Print the accuracy on the held-out images, in float and in int8 on this machine."""
    x, y = load_object("../digits/data.py:test", HERE)()
    digits = load_object("model.py:digits", HERE)
    with torch.no_grad():
        answers = digits()(torch.from_numpy(x)).argmax(1).numpy()
    print(f"float: {100 * np.mean(answers == y):.2f} % of {len(y)} images")
    calibration = load_object("../digits/data.py:calibration", HERE)()
    with tempfile.TemporaryDirectory() as folder:
        built = ti.build(
            digits(),
            target="rv32ec",
            quantize=ti.Int8(calibration=calibration),
            out=Path(folder) / "digits",
            name="digits",
        )
        answers = built.run_host(built.encode(x))[0].reshape(-1, 10).argmax(1)
    print(f"int8: {100 * np.mean(answers == y):.2f} % of {len(y)} images")


if __name__ == "__main__":
    report() if "--report" in sys.argv else main()
