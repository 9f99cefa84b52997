"""Quantization-aware training: `python samples/digits/qat.py [MODEL.pt2]`, under a minute.

Starts from the trained float network, trains it on for a few epochs with int8 rounding in every
forward pass, and writes a quantized program for `tinyiree build`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from data import Labelled, test, train
from model import Digits, digits
from torch.nn import functional

from tinyiree.quantizer import convert, prepare

EPOCHS = 4
BATCH = 32


def accuracy(module: torch.nn.Module, labelled: Labelled, batch: int = BATCH) -> float:
    """The fraction of images that the module, as it is, classifies rightly."""
    x, y = labelled
    with torch.no_grad():
        scores = [module(torch.from_numpy(x[i : i + batch])) for i in range(0, len(x), batch)]
    return float(np.mean(torch.cat(scores).argmax(1).numpy() == y))


def main() -> None:
    """Train with a fixed seed and a fixed number of epochs; the test set only gives the report."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "digits_qat.pt2")
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    module = digits()
    print(f"float: held-out accuracy {accuracy(module, test()):.4f}")
    x, y = (torch.from_numpy(array) for array in train())
    prepared = prepare(module, Digits.example_inputs, qat=True)
    optimizer = torch.optim.Adam(prepared.parameters(), lr=3e-4)
    for epoch in range(EPOCHS):
        prepared.train()
        total = 0.0
        order = torch.randperm(len(x), generator=generator)
        for picked in order.split(BATCH):
            loss = functional.cross_entropy(prepared(x[picked]), y[picked], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(picked)
        print(f"epoch {epoch + 1}: loss {total / len(x):.4f}")
    program = convert(prepared, Digits.example_inputs)
    print(f"int8: held-out accuracy {accuracy(program.module(), test(), batch=1):.4f}")
    torch.export.save(program, path)
    print(f"wrote {path}: tinyiree build {path} --target cortex-m4")


if __name__ == "__main__":
    main()
