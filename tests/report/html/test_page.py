"""The page as text: what it holds, and that it needs nothing else."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import example

from tinyiree.report.html import numbers, render_page

VOID = {"meta", "link"}


class Balanced(HTMLParser):
    """Every tag is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(example.REPORT, example.evaluation())


def test_it_is_well_formed_and_loads_nothing(page: str) -> None:
    tags = parsed(page).tags
    for tag, attributes in tags:
        assert tag not in {"img", "iframe", "object"}
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert "http" not in page


def test_names_are_escaped(page: str) -> None:
    assert "stem &lt;b&gt;&amp;amp;" in page
    assert "<b>&amp;</" not in page


def test_it_shows_every_part(page: str) -> None:
    for text in (
        "3,024",
        "26,880",
        "420 k",
        "bit-exact",
        "80.00",
        "smult_8_8",
        "a long class name",
    ):
        assert text in page, text
    assert "no kernel takes sums over 24 bits" in page
    assert ">the first of 2<" not in page, "an ordinary choice needs no words"
    assert "29.9 (lowest)" in page


def test_tables_have_captions_and_headings_are_in_order(page: str) -> None:
    tags = [tag for tag, _ in parsed(page).tags]
    assert tags.count("table") == tags.count("caption")
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def test_tables_are_rectangular(page: str) -> None:
    layers = page[page.index('id="layers-caption"') :]
    layers = layers[: layers.index("</table>")]
    rows = re.findall(r"<tr.*?</tr>", layers, re.DOTALL)
    assert {len(re.findall(r"<t[dh][ >]", row)) for row in rows} == {11}


def test_without_a_run_or_evaluation() -> None:
    layers = tuple(replace(layer, sqnr_db=None, instructions=None) for layer in example.LAYERS)
    report = replace(example.REPORT, run=None, verify=None, layers=layers)
    page = render_page(report)
    parsed(page)
    assert "not measured yet" in page
    assert "Evaluation" not in page
    assert "SQNR by layer: the integer model" in page


def test_on_a_board() -> None:
    page = render_page(replace(example.REPORT, board="nucleo-f446re"))
    # 560,400 cycles at 180 MHz.
    assert "3.11 ms an inference at 180 MHz" in page
    assert "RAM 3,024 of 131,072 bytes" in page


def test_an_empty_report() -> None:
    memory = replace(example.MEMORY, arena_bytes=0, buffers=(), steps=())
    page = render_page(replace(example.REPORT, memory=memory, layers=(), operations={}))
    parsed(page)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (9_996, "10.0 k"), (1_234_567, "1.23 M")],
)
def test_short_numbers(value: int, text: str) -> None:
    assert numbers.short(value) == text


def test_unknown_numbers() -> None:
    assert (numbers.short(None), numbers.whole(None), numbers.percent(1, 0)) == ("–", "–", "0%")
