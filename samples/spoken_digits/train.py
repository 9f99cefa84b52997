"""Train the network and write weights.npz: `python samples/spoken_digits/train.py`, two minutes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from data import calibration, recordings, test, window
from model import CLASSES, WEIGHTS, SpokenDigits, spoken
from torch.nn import functional

import tinyiree as ti

EPOCHS = 40
BATCH = 32
MOVE = 1600  # samples: recordings start up to 0.2 s earlier or later
COPIES = 2  # of the training set: each epoch draws one


def features(module: SpokenDigits, generator: np.random.Generator) -> torch.Tensor:
    """The front end on every training recording, moved in time: float32 [N, 24, 79]."""
    found, _ = recordings(is_test=False)
    parts = []
    for start in range(0, len(found), 256):
        moves = generator.integers(-MOVE, MOVE + 1, len(found[start : start + 256]))
        pairs = zip(found[start : start + 256], moves, strict=True)
        x = np.stack([window(one, int(move)) for one, move in pairs])[:, None]
        with torch.no_grad():
            parts.append(module.features.rounded(torch.from_numpy(x.astype(np.float32))))
    return torch.cat(parts)


def mask(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Hide a few bands and frames of each example [N, 24, T], and make it louder or softer.

    After Park et al., SpecAugment, 2019.
    """
    count, bands, frames = x.shape
    quiet = x.amin()
    draw = torch.rand(5, count, 1, 1, generator=generator)
    band, frame = torch.arange(bands)[None, :, None], torch.arange(frames)[None, None]
    first_band, first_frame = draw[0] * bands, draw[1] * frames
    hidden = (band >= first_band) & (band < first_band + draw[2] * 4)
    hidden = hidden | ((frame >= first_frame) & (frame < first_frame + draw[3] * 10))
    return torch.where(hidden, quiet, torch.clamp(x + (draw[4] - 0.5) * 0.7, min=quiet.item()))


def save(network: torch.nn.Module) -> None:
    """Write what `load_weights` reads, in half precision: finer by far than the int8 to come."""
    arrays = {
        key: tensor.numpy().astype(np.float16)
        for key, tensor in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    np.savez_compressed(WEIGHTS, allow_pickle=False, **arrays)


def main() -> None:
    """Train with a fixed seed and a fixed number of epochs; the test set only gives the report."""
    torch.set_num_threads(1)
    torch.manual_seed(1)
    generator = torch.Generator().manual_seed(2)
    module = SpokenDigits()
    numpy_generator = np.random.default_rng(3)
    copies = [features(module, numpy_generator) for _ in range(COPIES)]
    y = torch.from_numpy(recordings(is_test=False)[1])
    steps = EPOCHS * (len(y) // BATCH)
    network = module.network
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        network.train()
        total = 0.0
        x = copies[epoch % COPIES]
        order = torch.randperm(len(x), generator=generator)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            picked = order[start : start + BATCH]
            scores = network(mask(x[picked], generator))
            loss = functional.cross_entropy(scores, y[picked], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: loss {total * BATCH / len(x):.4f}", flush=True)
    save(network)
    report()


def report() -> None:
    """Print the accuracy on the test split, in float and in int8 on this machine."""
    x, y = test()
    with torch.no_grad():
        answers = spoken()(torch.from_numpy(x)).argmax(1).numpy()
    print(f"float: {100 * np.mean(answers == y):.2f} % of {len(y)} recordings")
    with tempfile.TemporaryDirectory() as folder:
        built = ti.build(
            spoken(),
            target="cortex-m4",
            quantize=ti.Int8(calibration=calibration()),
            out=Path(folder) / "spoken",
            name="spoken",
        )
        answers = built.run_host(built.encode(x))[0].reshape(-1, CLASSES).argmax(1)
    print(f"int8: {100 * np.mean(answers == y):.2f} % of {len(y)} recordings")


if __name__ == "__main__":
    report() if "--report" in sys.argv else main()
