"""Verdicts about made-up needs on real boards."""

import pytest

from tinyiree.errors import TinyireeError
from tinyiree.fit import Need, judge, refuse
from tinyiree.targets import load_board


def test_a_small_model_fits_and_has_a_time() -> None:
    verdict = judge(Need(10_000, 11_000, 40_000, 6_400_000), load_board("nrf52840-dk"))
    assert verdict.fits
    assert verdict.milliseconds == 100.0
    assert verdict.per_second == 10.0
    refuse(verdict, "m")


def test_the_tightest_resource_comes_first() -> None:
    board = load_board("blue-pill")
    assert judge(Need(1000, 1000, 60_000, None), board).resources[0].name == "flash"
    assert judge(Need(19_000, 19_500, 20_000, None), board).resources[0].name == "RAM"


def test_what_is_missing_is_named_with_need_limit_and_region() -> None:
    verdict = judge(Need(20_000, 20_481, 65_537, None), load_board("blue-pill"))
    assert not verdict.fits
    with pytest.raises(TinyireeError) as error:
        refuse(verdict, "mine")
    text = str(error.value)
    assert "mine does not fit board 'blue-pill'" in text
    assert "flash (flash): it needs 65,537 bytes, the limit is 65,536, 1 too many" in text
    assert "RAM (sram): it needs 20,481 bytes, the limit is 20,480, 1 too many" in text


def test_exactly_full_fits() -> None:
    assert judge(Need(20_480, 20_480, 65_536, None), load_board("blue-pill")).fits


def test_the_arena_lies_in_one_bank() -> None:
    board = load_board("stm32f4-discovery")  # 128 KB and 64 KB
    assert judge(Need(128 << 10, 130 << 10, 1000, None), board).fits
    verdict = judge(Need((128 << 10) + 1, (128 << 10) + 1, 1000, None), board)
    assert [resource.region for resource in verdict.resources if not resource.fits] == ["sram"]
