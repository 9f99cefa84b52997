"""Two networks in one arena: neither disturbs the other, and state stays out of what they share."""

import re
from pathlib import Path

import pytest

from tinyiree.apps import build_app, load, place_of, run_app

MANIFEST = """
name = "{name}"
description = "a network with state and one without, in one arena"
targets = ["cortex-m4"]
data_files = []
model_files = []
expect = ['bytes for']

[models.mean]
model = "model.py:mean"

[models.plain]
model = "model.py:plain"
"""

# The mean of what came so far keeps its sums; the plain one needs more memory than it.
MODEL = """
import torch
from torch import nn


class Mean(nn.Module):
    example_inputs = (torch.zeros(1, 6),)

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(1, 6))

    def forward(self, x):
        total = self.total * 0.5 + x
        self.total.copy_(total)
        return torch.relu(total * 0.25)


def mean():
    return Mean().eval()


def plain():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 3)).eval()
    module.example_inputs = (torch.zeros(1, 8),)
    return module
"""

# Each network has an arena of its own as well, which is what the shared one must equal. START is
# what samples/wake_classify/README.md says.
MAIN = """
#include "app.h"
#include "mean.h"
#include "plain.h"

#define MEAN_WORK (MEAN_ARENA_BYTES - MEAN_STATE_BYTES)
#define START ((PLAIN_ARENA_BYTES > MEAN_WORK ? PLAIN_ARENA_BYTES - MEAN_WORK : 0) + 15) / 16 * 16

static uint8_t shared[START + MEAN_ARENA_BYTES] TINYIREE_ALIGNED;
static uint8_t mean_own[MEAN_ARENA_BYTES] TINYIREE_ALIGNED;
static uint8_t plain_own[PLAIN_ARENA_BYTES] TINYIREE_ALIGNED;

static int equal(const float *a, const float *b, int count) {
    int same = 1, zero = 1;
    for (int i = 0; i < count; ++i) {
        same = same && a[i] == b[i];
        zero = zero && a[i] == 0;
    }
    return same && !zero;
}

// Returns how often a network was disturbed, -1 for a failure.
static int run(uint32_t start) {
    mean_t mean, mean_alone;
    plain_t plain, plain_alone;
    int disturbed = 0;
    if (mean_init(&mean, shared + start, sizeof shared - start) != TINYIREE_OK ||
        plain_init(&plain, shared, sizeof shared) != TINYIREE_OK ||
        mean_init(&mean_alone, mean_own, sizeof mean_own) != TINYIREE_OK ||
        plain_init(&plain_alone, plain_own, sizeof plain_own) != TINYIREE_OK)
        return -1;
    for (int turn = 0; turn < 4; ++turn) {
        for (int i = 0; i < MEAN_INPUT_ELEMENTS; ++i)
            mean_input(&mean)[i] = mean_input(&mean_alone)[i] = (float)(turn + i);
        if (mean_invoke(&mean) != TINYIREE_OK || mean_invoke(&mean_alone) != TINYIREE_OK)
            return -1;
        disturbed += !equal(mean_output(&mean), mean_output(&mean_alone), MEAN_OUTPUT_ELEMENTS);
        for (int i = 0; i < PLAIN_INPUT_ELEMENTS; ++i)
            plain_input(&plain)[i] = plain_input(&plain_alone)[i] = (float)(2 * i - turn);
        if (plain_invoke(&plain) != TINYIREE_OK || plain_invoke(&plain_alone) != TINYIREE_OK)
            return -1;
        disturbed +=
            !equal(plain_output(&plain), plain_output(&plain_alone), PLAIN_OUTPUT_ELEMENTS);
    }
    return disturbed;
}

int app_main(void) {
    app_print_int(run(START));
    app_print(" disturbed behind, ");
    app_print_int(run(0));
    app_print(" disturbed within, ");
    app_print_int(sizeof shared);
    app_print(" bytes for ");
    app_print_int(MEAN_ARENA_BYTES);
    app_print(" and ");
    app_print_int(PLAIN_ARENA_BYTES);
    app_print("\\n");
    return 0;
}
"""


@pytest.fixture(autouse=True)
def _in_float(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch modules with state are built in float, for which a manifest has no word."""
    monkeypatch.setattr("tinyiree.apps.image._quantization", lambda app, one: None)


def test_state_lies_behind_what_is_shared(tmp_path: Path) -> None:
    """Behind the other arena state lives, within it it does not."""
    (tmp_path / "app.toml").write_text(MANIFEST.format(name=tmp_path.name))
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "main.c").write_text(MAIN)
    result = run_app(build_app(load(tmp_path), place_of("cortex-m4"), tmp_path / "build"))
    assert result.is_success, result.console
    found = re.match(
        r"0 disturbed behind, 3 disturbed within, (\d+) bytes for (\d+) and (\d+)", result.console
    )
    assert found is not None, result.console
    together, mean, plain = map(int, found.groups())
    assert together < mean + plain
