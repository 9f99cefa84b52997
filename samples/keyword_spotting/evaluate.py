"""Measure the decision rule on a long stream: `python samples/keyword_spotting/evaluate.py`.

The network runs on this machine, as the integer module that equals the firmware in every byte.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from data import FILE, FRAME_SECONDS, scene
from decision import RULE, Rule, events, judge, windows
from numpy.typing import NDArray

import tinyiree as ti
from tinyiree.data import find_data, find_model, load_arrays

WORDS = 200
SEED = 1


def main() -> None:
    """Print the accuracy on utterances, and hits and false alarms of some rules."""
    with tempfile.TemporaryDirectory() as folder:
        built = ti.build(
            find_model("kws_ref_model.tflite"),
            target="cortex-m4",
            out=Path(folder) / "kws",
            name="kws",
        )

        def scores(x: NDArray[np.int8]) -> NDArray[np.int8]:
            outputs: NDArray[np.int8] = built.run_host([x])[0].reshape(len(x), -1).astype(np.int8)
            return outputs

        arrays = load_arrays(find_data(FILE))
        right = scores(arrays["x"][:, None]).argmax(1) == arrays["y"]
        print(f"utterances: {100 * right.mean():.1f} % of {len(right)} right")
        long_scene = scene(WORDS, SEED)
        hours = len(long_scene.frames) * FRAME_SECONDS / 3600
        by_hop = {hop: scores(windows(long_scene.frames, hop)) for hop in (7, RULE.hop)}
    print("hop smooth threshold refractory   hits of spoken  others  others an hour")
    rules = [Rule(RULE.hop, 1, 128, 0), Rule(RULE.hop, 1, 179, 49), RULE]
    rules += [Rule(RULE.hop, 2, 128, 49), Rule(RULE.hop, 3, 179, 49), Rule(7, 4, 179, 49)]
    for rule in rules:
        spoken, hits, others = judge(events(by_hop[rule.hop], rule), long_scene)
        print(
            f"{rule.hop:3} {rule.smooth:6} {rule.threshold / 256:9.2f} {rule.refractory:10} "
            f"{hits:6} of {spoken:6} {others:7} {others / hours:15.0f}"
        )


if __name__ == "__main__":
    main()
