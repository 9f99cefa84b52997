"""The reader of app.toml accepts exactly the documented form."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyiree import apps
from tinyiree.errors import TinyireeError

AppWriter = Callable[..., Path]


def test_reads_all_keys(write_app: AppWriter) -> None:
    folder = write_app()
    app = apps.load(folder)
    assert app.folder == folder.resolve()
    assert app.targets == ("cortex-m0plus", "rv32imc")
    assert app.boards == ("xmc1302-boot-kit",)
    assert app.stack_bytes == 2048
    assert app.input == "model.py:numbers"
    assert [one.name for one in app.models] == ["net"]
    assert app.models[0].calibration == "model.py:calibration"
    assert app == apps.find(str(folder))


def test_optional_keys_have_defaults(write_app: AppWriter) -> None:
    absent = ("boards", "data_files", "model_files", "input", "header", "stack_bytes")
    app = apps.load(write_app(**dict.fromkeys(absent)))
    assert (app.boards, app.data_files, app.input, app.header) == ((), (), None, None)
    assert app.stack_bytes == 4096


@pytest.mark.parametrize("key", ["name", "description", "expect"])
def test_missing_key_is_named(key: str, write_app: AppWriter) -> None:
    with pytest.raises(TinyireeError, match=f"app.toml: key '{key}': expected a .*found nothing"):
        apps.load(write_app(**{key: None}))


def test_missing_models_are_named(write_app: AppWriter) -> None:
    with pytest.raises(TinyireeError, match="key 'models': expected a dict, found nothing"):
        apps.load(write_app(models=""))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("exspect", "[]", "an unknown key"),
        ("name", '"other"', "the folder's name, 'tiny'"),
        ("targets", '"cortex-m4"', "expected a list"),
        ("input", '"data.npz"', "FILE.py:NAME"),
        ("header", '"model.py"', "FILE.py:NAME"),
        ("stack_bytes", "100", "256 to 1048576"),
        ("stack_bytes", '"4k"', "expected a int"),
        ("expect", "[]", "at least one regular expression"),
        ("expect", "['(open']", "regular expressions"),
    ],
)
def test_wrong_value_is_refused(key: str, value: str, message: str, write_app: AppWriter) -> None:
    with pytest.raises(TinyireeError, match=f"app.toml: key .*{message}"):
        apps.load(write_app(**{key: value}))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("[models.Net]\nmodel = 'm.py:a'", "key 'models.Net': expected a table whose name"),
        ("[models]\nnet = 3", "key 'models.net': expected a table"),
        ("[models.net]\nmodel = 'net.tflite'", "key 'models.net.model': expected \"FILE.py:NAME"),
        ("[models.net]\nmodel = 'm.py:a'\nseed = 1", "key 'models.net.seed': expected only"),
        (
            "[models.net]\nmodel = 'm.py:a'\ncalibration = 'm.py:a'\nquantize = 'm.py:a'",
            "key 'models.net.quantize': expected none beside 'calibration'",
        ),
    ],
)
def test_wrong_model_is_refused(models: str, message: str, write_app: AppWriter) -> None:
    with pytest.raises(TinyireeError, match=message):
        apps.load(write_app(models=models))


def test_an_app_needs_a_place_and_a_main(write_app: AppWriter) -> None:
    folder = write_app(targets="[]")
    assert apps.load(folder).boards
    (folder / "main.c").unlink()
    with pytest.raises(TinyireeError, match=r"expected a main\.c beside app\.toml"):
        apps.load(folder)


def test_no_place_is_refused(write_app: AppWriter) -> None:
    with pytest.raises(TinyireeError, match="key 'targets': expected at least one core"):
        apps.load(write_app(targets="[]", boards=None))


def test_unknown_app_lists_the_known() -> None:
    with pytest.raises(TinyireeError, match=r"app 'nope': expected one of .*keyword_spotting"):
        apps.find("nope")


def test_missing_files_are_named(
    write_app: AppWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = apps.load(write_app(data_files='["x.npz"]', model_files='["y.tflite"]'))
    monkeypatch.setenv("TINYIREE_DATA", str(tmp_path))
    assert app.missing_files() == ("x.npz", "y.tflite")
    with pytest.raises(TinyireeError, match=r"app 'tiny' needs x\.npz, y\.tflite"):
        apps.build_app(app, apps.place_of("cortex-m4"), tmp_path / "out")


def test_expectations_are_met_in_order(write_app: AppWriter) -> None:
    app = apps.load(write_app())
    assert app.unmet("sum 10\nsum 26\n") is None
    assert app.unmet("sum 26\nsum 10\n") == "^sum 26$"
    assert app.unmet("the sum 10\n") == "^sum 10$"
