"""The page in headless Chromium: no script errors, light and dark, a phone's width, on paper."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

import example

from tinyiree.report.html import render_page

PHONE, DESKTOP = 360, 1280
DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"
AA = 4.5
"""Least contrast of text, Web Content Accessibility Guidelines 2.2, success criterion 1.4.3."""

# Looks at the page inside a frame, whose width the window's least width does not limit.
PROBE = r"""
function look(frame) {
  const page = frame.contentDocument, view = frame.contentWindow;
  const color = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const over = (top, ground) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => top[i] * alpha + ground[i] * (1 - alpha));
  };
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const text = view.getComputedStyle(at).backgroundColor;
      if (!text.startsWith("rgb")) return null;
      layers.push(color(text));
    }
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let contrast = 21, worst = "", judged = 0;
  for (const node of page.querySelectorAll("body *:not(script):not(svg *):not(.none)")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const below = own && node.getClientRects().length ? ground(node) : null;
    const ink = view.getComputedStyle(node).color;
    if (!below || !ink.startsWith("rgb")) continue;
    const pair = [light(color(ink).slice(0, 3)), light(below)].sort((a, b) => b - a);
    const found = (pair[0] + 0.05) / (pair[1] + 0.05);
    judged += 1;
    if (found < contrast) { contrast = found; worst = node.outerHTML.slice(0, 80); }
  }
  const table = page.querySelector("#layers table");
  const first = () => table.tBodies[0].rows[0].cells[1].textContent;
  const button = table.tHead.rows[0].cells[4].querySelector("button");
  const order = [first()];
  for (let i = 0; i < 3; i++) { button.click(); order.push(first()); }
  return {
    inner: view.innerWidth,
    scroll: page.documentElement.scrollWidth,
    background: view.getComputedStyle(page.body).backgroundColor,
    contrast, worst, judged, order,
    boxes: page.querySelectorAll("svg .box rect").length,
  };
}
"""


def run(chromium: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",  # CI runs as root, and the page is our own
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={page.parent / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def errors(log: str) -> list[str]:
    """What the page's script, or the page, complained of."""
    return [line for line in log.splitlines() if ":CONSOLE" in line]


def look(
    chromium: str, folder: Path, page: str, width: int, *options: str
) -> tuple[dict[str, Any], list[str]]:
    """What a script finds in the page at a width, and the console's lines."""
    wrapper = folder / "wrapper.html"
    wrapper.write_text(
        f'<!doctype html><meta charset="utf-8"><pre></pre>'
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(page)}">'
        f"</iframe><script>{PROBE}\n"
        'const frame = document.querySelector("iframe");'
        'addEventListener("load", () => {'
        '  document.querySelector("pre").textContent = JSON.stringify(look(frame));'
        "});</script>"
    )
    ended = run(chromium, wrapper, "--window-size=1400,1000", *options, "--dump-dom")
    found = re.search(r"<pre>(.*?)</pre>", ended.stdout, re.DOTALL)
    assert found is not None, ended.stderr
    text = html.unescape(found[1])
    return json.loads(text) if text else {}, errors(ended.stderr)


@pytest.fixture(scope="module")
def page() -> str:
    return render_page(example.REPORT, example.evaluation())


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_it_renders(
    needs_chromium: str, tmp_path: Path, page: str, width: int, scheme: str
) -> None:
    found, console = look(needs_chromium, tmp_path, page, width, scheme)
    assert console == []
    assert found["inner"] == width
    assert found["scroll"] <= width, "the page scrolls sideways"
    assert found["boxes"] == len(example.MEMORY.buffers)
    light = sum(map(int, re.findall(r"\d+", found["background"])[:3])) > 3 * 128
    assert light == (scheme == LIGHT)
    assert found["judged"] > 100
    assert found["contrast"] >= AA, found["worst"]
    # By instructions: the most, the least, and back to the order in which they run.
    assert found["order"] == ["stem <b>&amp;", "dense", "last", "stem <b>&amp;"]


def test_script_errors_and_overflow_and_contrast_are_found(
    needs_chromium: str, tmp_path: Path, page: str
) -> None:
    bad = page.replace("</main>", '<p style="width:900px;color:#ccc">wide and pale</p></main>')
    found, console = look(needs_chromium, tmp_path, bad, PHONE, LIGHT)
    assert found["scroll"] > PHONE
    assert found["contrast"] < AA
    assert "wide and pale" in found["worst"]
    assert console == []
    _, console = look(
        needs_chromium, tmp_path, page.replace('"use strict";', "missing();"), PHONE, LIGHT
    )
    assert any("missing is not defined" in line for line in console)


def test_it_prints(needs_chromium: str, tmp_path: Path, page: str) -> None:
    path, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    path.write_text(page)
    ended = run(needs_chromium, path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}")
    assert errors(ended.stderr) == []
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 2 <= pages <= 6
    # A4 on its side, in points.
    box = re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", data)
    assert box is not None
    assert float(box[1]) > float(box[2])
