"""Train the network and write weights.npz: `python samples/digits/train.py`, about a minute."""

from __future__ import annotations

import numpy as np
import torch
from data import Labelled, test, train
from model import WEIGHTS, Digits
from torch.nn import functional

from tinyiree.data import save_weights

EPOCHS = 80
BATCH = 32


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn, scale and move every image [N, 1, 8, 8] a little, each in its own way."""
    count = len(x)
    u = torch.rand(4, count, generator=generator) * 2 - 1
    angle, scale, move = u[0] * 0.2, 1 + u[1] * 0.1, u[2:] * 0.2
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = (torch.stack((cosine, -sine, move[0]), 1), torch.stack((sine, cosine, move[1]), 1))
    grid = functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)


def accuracy(module: torch.nn.Module, labelled: Labelled) -> float:
    """The fraction of images that the module, put in eval mode, classifies rightly."""
    x, y = labelled
    with torch.no_grad():
        scores = module.eval()(torch.from_numpy(x)).numpy()
    return float(np.mean(scores.argmax(1) == y))


def main() -> None:
    """Train with a fixed seed and a fixed number of epochs; the test set only gives the report."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    x, y = (torch.from_numpy(array) for array in train())
    module = Digits()
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
            print(f"epoch {epoch + 1}: loss {total * BATCH / len(x):.4f}")
    save_weights(module, WEIGHTS)
    print(
        f"accuracy: train {accuracy(module, train()):.4f}, held out {accuracy(module, test()):.4f}"
    )


if __name__ == "__main__":
    main()
