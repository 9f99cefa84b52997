"""Train the network, write weights.npz: `python samples/digits_m0/train.py`, two minutes.

It also prints what each margin of main.c costs. The margin is chosen on training images; the
held-out images only give the report.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import tinyiree as ti
from tinyiree.data import save_weights
from tinyiree.python_file import load_object

HERE = Path(__file__).parent
WEIGHTS = HERE / "weights.npz"
CLASSES = 10
MARGINS = range(0, 64, 8)


def main() -> None:
    """Train; the test set only gives the report."""
    torch.manual_seed(1)
    module = load_object("model.py:untrained", HERE)()
    load_object("../digits_ch32v003/train.py:train", HERE)(module)
    save_weights(module, WEIGHTS)
    report()


def report() -> None:
    """Print the accuracy in float and int8, and for each margin what is refused or wrong."""
    train, test, calibration = (
        load_object(f"../digits/data.py:{name}", HERE) for name in ("train", "test", "calibration")
    )
    model = load_object("model.py:digits", HERE)()
    with tempfile.TemporaryDirectory() as folder:
        built = ti.build(
            model,
            target="cortex-m0plus",
            quantize=ti.Int8(calibration=calibration()),
            out=Path(folder) / "digits",
            name="digits",
        )
        for name, (x, y) in (("training", train()), ("held-out", test())):
            with torch.no_grad():
                answers = model(torch.from_numpy(x)).argmax(1).numpy()
            scores = built.run_host(built.encode(x))[0].reshape(-1, CLASSES).astype(np.int64)
            is_right = scores.argmax(1) == y
            print(f"{len(y)} {name} images: float {100 * np.mean(answers == y):.2f} %, ", end="")
            print(f"int8 {100 * np.mean(is_right):.2f} %")
            ordered = np.sort(scores, axis=1)
            margins = ordered[:, -1] - ordered[:, -2]
            for margin in MARGINS:
                sure = margins >= margin
                wrong = np.count_nonzero(sure & ~is_right)
                print(f"  margin {margin}: {wrong} wrong, {np.count_nonzero(~sure)} unsure")


if __name__ == "__main__":
    report() if "--report" in sys.argv else main()
