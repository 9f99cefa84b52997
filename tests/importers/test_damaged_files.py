"""Damaged `.mlir` and `.pt2` files: one error that names the file's fault, whatever it holds.

`TINYIREE_FUZZ_FILES` sets how many `.mlir` files.
"""

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import Autoencoder, TemporalNet, prepare
from torch import nn

from tinyiree.errors import TinyireeError
from tinyiree.importers import import_model

FILES = int(os.environ.get("TINYIREE_FUZZ_FILES", "200"))
WORDS = ("f32", "i8", "i32", "f16", "index", "memref", "nn", "qnn", "0", "7", "2147483648", "-1")

Rng = np.random.Generator


def refusal(path: Path) -> str | None:
    try:
        import_model(path)
    except TinyireeError as error:
        return str(error)
    return None


def changed(text: str, rng: Rng) -> str:
    """Words left out, exchanged or replaced, a line less, or the end cut off."""
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    for _ in range(int(rng.integers(1, 4))):
        here, there = (int(i) for i in rng.integers(0, len(words), 2))
        kind = rng.integers(0, 8)
        if kind < 2:
            words[here] = ""
        elif kind < 4:
            words[here] = words[there]
        elif kind < 6:
            words[here] = str(rng.choice(WORDS))
        elif kind < 7:
            lines = "".join(words).splitlines(keepends=True)
            del lines[rng.integers(0, len(lines))]
            return "".join(lines)
        else:
            return "".join(words[:here])
    return "".join(words)


def test_changed_mlir_gives_one_error_or_a_module(tmp_path: Path) -> None:
    models: list[tuple[nn.Module, torch.Tensor]] = [
        (TemporalNet(), torch.randn(1, 6, 32)),
        (Autoencoder(), torch.randn(1, 1, 16, 16)),
    ]
    imported = [import_model(model.eval(), x) for model, x in models]
    # Without the data of weights, nearly all of the text.
    data = re.compile(r'dense<"0x[0-9A-F]*">')
    texts = [data.sub("dense<1.0>", str(module)) for module in imported]
    texts += [data.sub("dense<1.0>", str(prepare(module))) for module in imported]
    rng = np.random.default_rng(0)
    path, refused = tmp_path / "net.mlir", 0
    for number in range(FILES):
        path.write_text(changed(texts[number % len(texts)], rng))
        refused += refusal(path) is not None
    print(f"{FILES} files, {refused} refused")
    assert FILES // 4 < refused < FILES


def test_a_function_without_an_end(tmp_path: Path) -> None:
    path = tmp_path / "net.mlir"
    path.write_text(
        'func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32> {tiny.name = "y"}) {\n'
        '  %y = "nn.softmax"(%x) : (tensor<2xf32>) -> tensor<2xf32>\n}'
    )
    assert "expected a function that ends with func.return, found nn.softmax" in str(refusal(path))


@pytest.mark.parametrize("suffix", [".mlir", ".pt2", ".onnx", ".tflite"])
def test_noise_and_nothing(suffix: str, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(1), tmp_path / f"net{suffix}"
    for length in (0, 1, 7, 100, 5000):
        for kind in (rng.bytes(length), b"\0" * length, b"module {}\n" * length):
            path.write_bytes(kind)
            message = refusal(path)
            assert message is not None
            assert message.startswith(str(path))
            assert len(message) < 600


def test_changed_pt2_gives_one_error_or_a_module(tmp_path: Path) -> None:
    """Bytes of the archive, and of each file in it."""
    model, x = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), torch.randn(1, 4)
    whole, path = tmp_path / "whole.pt2", tmp_path / "net.pt2"
    torch.export.save(torch.export.export(model, (x,)), whole)
    rng = np.random.default_rng(0)
    refused = 0
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for number in range(40):
        if number % 2:
            data = bytearray(whole.read_bytes())
            data[rng.integers(0, len(data))] ^= 0xFF
            path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
        else:
            name = str(rng.choice([name for name, part in parts.items() if part]))
            part = bytearray(parts[name])
            part[rng.integers(0, len(part))] = rng.integers(32, 127)
            with zipfile.ZipFile(path, "w") as archive:
                for other, content in parts.items():
                    archive.writestr(other, bytes(part) if other == name else content)
        refused += refusal(path) is not None
    assert refused > 10
