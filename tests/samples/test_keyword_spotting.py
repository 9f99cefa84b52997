"""Keyword spotting: the decision rule, in Python and in C."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyiree import apps
from tinyiree.python_file import load_object

APP = apps.find("keyword_spotting")
needs_data = pytest.mark.skipif(
    bool(APP.missing_files()), reason=f"needs {', '.join(APP.missing_files())} (set TINYIREE_DATA)"
)


def get(spec: str) -> Any:
    return load_object(spec, APP.folder)


def scores(*windows: dict[int, int]) -> np.ndarray:
    """int8 [windows, 12] from the posteriors in 1/256 of each window by label."""
    found = np.full((len(windows), 12), -128, np.int8)
    for row, posteriors in zip(found, windows, strict=True):
        for label, value in posteriors.items():
            row[label] = value - 128
    return found


def frames(found: Any) -> list[tuple[int, int]]:
    return [(event.frame, event.label) for event in found]


def test_one_confident_window_is_not_enough() -> None:
    events, rule = get("decision.py:events"), get("decision.py:RULE")
    assert frames(events(scores({3: 255}, {}, {}), rule)) == []
    assert frames(events(scores({3: 255}, {3: 110}), rule)) == [(49 + rule.hop, 3)]
    assert frames(events(scores({3: 255}, {4: 255}), rule)) == []


def test_silence_and_unknown_are_no_keywords() -> None:
    events, rule = get("decision.py:events"), get("decision.py:RULE")
    assert frames(events(scores(*[{10: 255}] * 3, *[{11: 255}] * 3), rule)) == []


def test_refractory_time_holds_back_the_next_event() -> None:
    events, rule = get("decision.py:events"), get("decision.py:RULE")
    found = frames(events(scores(*[{3: 255}] * 8), rule))
    wait = -(-rule.refractory // rule.hop) * rule.hop
    assert found == [(63, 3), (63 + wait, 3)]


def test_hits_are_counted_once() -> None:
    event, scene = get("decision.py:Event"), get("data.py:Scene")
    spoken = scene(np.zeros((0, 10), np.int8), ((49, 3), (147, 11), (245, 4)))
    found = [event(90, 3, 0), event(140, 3, 0), event(190, 7, 0), event(400, 4, 0)]
    assert get("decision.py:judge")(found, spoken) == (2, 1, 3)


@needs_data
def test_console_shows_the_events_of_the_host(tmp_path: Path) -> None:
    image = apps.build_app(APP, apps.place_of("cortex-m4"), tmp_path)
    (built,) = image.models
    output = built.manifest.outputs[0]
    assert (output.scale, output.zero_point) == (1 / 256, -128)  # as main.c takes them
    rule = get("decision.py:RULE")
    windows = get("decision.py:windows")(get("data.py:stream")(), rule.hop)
    host = built.run_host([windows])[0].reshape(len(windows), -1)
    labels = get("data.py:LABELS")
    expected = [
        (2 * event.frame, labels[event.label], event.total * 100 // (256 * rule.smooth))
        for event in get("decision.py:events")(host, rule)
    ]
    lines = re.findall(r"^(\d+)\.(\d\d) s: (\w+) \(0\.(\d\d)\)$", apps.run_app(image).console, re.M)
    assert [(int(a + b), label, int(p)) for a, b, label, p in lines] == expected
