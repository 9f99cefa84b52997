"""A small app is built, linked and run, on cores and on a board."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tinyiree import apps
from tinyiree.cli.app import app as command
from tinyiree.errors import TinyireeError
from tinyiree.targets import load

AppWriter = Callable[..., Path]
PRINTS = """
#include "app.h"

static const int32_t values[] = {0, 5, -5, 100, -25, 2147483647, -2147483647 - 1};

int app_main(void) {
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; ++i) {
        app_print_int(values[i]);
        app_print(" ");
        app_print_fixed(values[i], 2);
        app_print(" ");
        app_print_fixed(values[i], 9);
        app_print("\\n");
    }
    uint8_t all[100];
    app_print_int((int32_t)app_read(all, sizeof all));
    app_print(" bytes\\n");
    return 3;
}
"""


@pytest.mark.parametrize("name", ["cortex-m0plus", "rv32imc", "xmc1302-boot-kit"])
def test_app_prints_what_it_must(name: str, write_app: AppWriter, tmp_path: Path) -> None:
    place = apps.place_of(name)
    image = apps.build_app(apps.load(write_app()), place, tmp_path / "out")
    result = apps.run_app(image)
    assert result.is_success
    assert result.unmet is None, result.console
    assert len(result.inferences) == 2
    assert result.console.splitlines()[:2] == ["sum 10", "sum 26"]
    simulation = place.core.simulation
    assert 0 < image.flash_bytes <= simulation.flash.size_bytes
    assert 2048 < image.ram_bytes <= simulation.ram.size_bytes
    assert (place.board is not None) == (simulation.ram.size_bytes == 16 * 1024)


def test_two_networks_and_failures(write_app: AppWriter, tmp_path: Path) -> None:
    model = "model = 'model.py:make'\ncalibration = 'model.py:calibration'\n"
    folder = write_app(models=f"[models.net]\n{model}[models.other]\n{model}")
    app, place = apps.load(folder), apps.place_of("rv32imc")
    text = (folder / "main.c").read_text(encoding="utf-8")
    both = text.replace("NET_ARENA_BYTES]", "NET_ARENA_BYTES + OTHER_ARENA_BYTES]")
    both = both.replace('#include "net.h"', '#include "net.h"\n#include "other.h"')
    both = both.replace(
        "    return 0;",
        "    other_t other;\n    return other_init(&other, arena, sizeof arena) != TINYIREE_OK;",
    )
    (folder / "main.c").write_text(both, encoding="utf-8")
    image = apps.build_app(app, place, tmp_path / "out")
    assert apps.run_app(image).unmet is None
    (folder / "main.c").write_text(PRINTS, encoding="utf-8")
    with pytest.raises(TinyireeError, match="tinyiree_invoke"):
        apps.run_app(apps.build_app(app, place, tmp_path / "out"))
    (folder / "main.c").write_text("int app_main(void) { return x; }", encoding="utf-8")
    with pytest.raises(TinyireeError, match=r"main\.c.*undeclared"):
        apps.build_app(app, place, tmp_path / "out")


def test_printing_and_reading(write_app: AppWriter, tmp_path: Path) -> None:
    used = PRINTS.replace('#include "app.h"', '#include "app.h"\n#include "net.h"').replace(
        "return 3;", "net_t net; return 3 + (net_init(&net, 0, 0) == 0 && net_invoke(&net));"
    )
    folder = write_app(main=used)
    image = apps.build_app(apps.load(folder), apps.place_of("cortex-m0plus"), tmp_path / "out")
    result = apps.run_app(image)
    assert not result.is_success
    assert result.console.splitlines()[:8] == [
        "0 0.00 0.000000000",
        "5 0.05 0.000000005",
        "-5 -0.05 -0.000000005",
        "100 1.00 0.000000100",
        "-25 -0.25 -0.000000025",
        "2147483647 21474836.47 2.147483647",
        "-2147483648 -21474836.48 -2.147483648",
        "8 bytes",
    ]
    assert "app_main: failed with 3" in result.console


@pytest.mark.parametrize(("stack_bytes", "more"), [(2048, 15_000), (16_384, 1)])
def test_an_image_that_does_not_fit_is_refused(
    stack_bytes: int, more: int, write_app: AppWriter, tmp_path: Path
) -> None:
    folder = write_app(stack_bytes=str(stack_bytes))
    text = (folder / "main.c").read_text(encoding="utf-8")
    (folder / "main.c").write_text(
        text.replace("NET_ARENA_BYTES]", f"NET_ARENA_BYTES + {more}]"), encoding="utf-8"
    )
    app = apps.load(folder)
    limits = "at most 32768 bytes of flash and 16384 of RAM"
    with pytest.raises(TinyireeError, match=f"does not fit xmc1302-boot-kit: expected {limits}"):
        apps.build_app(app, apps.place_of("xmc1302-boot-kit"), tmp_path / "out")


def test_qemu_agrees(write_app: AppWriter, tmp_path: Path) -> None:
    if shutil.which("qemu-system-riscv32") is None:
        pytest.skip("needs qemu-system-riscv32 (Debian: qemu-system-misc)")
    app = apps.load(write_app())
    image = apps.build_app(app, apps.place_of("rv32imc"), tmp_path / "out")
    one, other = apps.run_app(image, "unicorn"), apps.run_app(image, "qemu")
    assert one.console == other.console
    assert [i.instructions for i in one.inferences] == [i.instructions for i in other.inferences]


def test_command_prints_console_and_costs(write_app: AppWriter, tmp_path: Path) -> None:
    folder = write_app()
    run = ["sample", "run", str(folder), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(command, run)
    assert result.exit_code == 0, result.output
    for words in ("sum 10", "stack: ", "flash", "inferences", "tiny on cortex-m0plus: as expected"):
        assert words in result.output
    manifest = (folder / "app.toml").read_text(encoding="utf-8").replace("sum 26", "sum 27")
    (folder / "app.toml").write_text(manifest, encoding="utf-8")
    result = CliRunner().invoke(command, [*run, "--target", "rv32imc"])
    assert result.exit_code == 1
    assert "lacks '^sum 27$'" in result.output


def test_command_lists_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYIREE_DATA", raising=False)
    result = CliRunner().invoke(command, ["sample", "list"])
    assert result.exit_code == 0
    assert "keyword_spotting" in result.output
    assert "kws01_dev500.npz" in result.output


def test_command_refuses_unknown_tools(write_app: AppWriter) -> None:
    folder = write_app()
    for option in ("--simulator", "--toolchain"):
        result = CliRunner().invoke(command, ["sample", "run", str(folder), option, "none"])
        assert isinstance(result.exception, TinyireeError)
        assert "expected one of" in str(result.exception)
    assert load("cortex-m0plus").isa == "arm"
