"""A small app that needs no data."""

from collections.abc import Callable
from pathlib import Path

import pytest

MANIFEST = {
    "name": '"tiny"',
    "description": '"adds up"',
    "targets": '["cortex-m0plus", "rv32imc"]',
    "boards": '["xmc1302-boot-kit"]',
    "data_files": "[]",
    "model_files": "[]",
    "input": '"model.py:numbers"',
    "header": '"model.py:header"',
    "stack_bytes": "2048",
    "expect": "['^sum 10$', '^sum 26$']",
}
MODEL = '[models.net]\nmodel = "model.py:make"\ncalibration = "model.py:calibration"\n'
MODEL_FILE = """
import numpy as np
import torch

def make():
    module = torch.nn.Linear(4, 1, bias=False)
    torch.nn.init.ones_(module.weight)
    module.example_inputs = (torch.zeros(1, 4),)
    return module.eval()

def calibration():
    # Scale 1 and zero point 0 on both sides; the output saturates nowhere.
    return np.array([[-128.0] + [0] * 3, [127.0] + [0] * 3], np.float32)

def numbers():
    return np.arange(1, 9, dtype=np.int8)

def header():
    return "#define WORD \\"sum \\"\\n"
"""
MAIN = """
#include "app.h"
#include "app_data.h"
#include "net.h"

static uint8_t arena[NET_ARENA_BYTES] TINYIREE_ALIGNED;
static net_t model;

int app_main(void) {
    if (net_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    while (app_read(net_input(&model), 4) == 4) {
        if (net_invoke(&model) != TINYIREE_OK)
            return 2;
        app_print(WORD);
        app_print_int(net_output(&model)[0]);
        app_print("\\n");
    }
    return 0;
}
"""

AppWriter = Callable[..., Path]


@pytest.fixture
def write_app(tmp_path: Path) -> AppWriter:
    """Writes the app and returns its folder; manifest keys may be changed, None leaves one out."""

    def write(main: str = MAIN, models: str = MODEL, **changes: str | None) -> Path:
        folder = tmp_path / "tiny"
        folder.mkdir()
        values = {**MANIFEST, **changes}
        lines = [f"{key} = {value}" for key, value in values.items() if value is not None]
        (folder / "app.toml").write_text("\n".join([*lines, models]), encoding="utf-8")
        (folder / "model.py").write_text(MODEL_FILE, encoding="utf-8")
        (folder / "main.c").write_text(main, encoding="utf-8")
        return folder

    return write
