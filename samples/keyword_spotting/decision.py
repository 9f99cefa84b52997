"""From posteriors to events: the same integers as main.c, and the numbers of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from data import COEFFICIENTS, FRAMES, KEYWORDS, LABELS, Scene
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rule:
    """When a keyword is reported.

    Attributes:
        hop: frames from one window to the next.
        smooth: windows whose posteriors are averaged.
        threshold: of that average, in 1/256.
        refractory: frames after an event in which there is no other.
    """

    hop: int = 14
    smooth: int = 2
    threshold: int = 179
    refractory: int = 49


@dataclass(frozen=True)
class Event:
    """A keyword: frames read until then, label, and the average in 1/256, times `smooth`."""

    frame: int
    label: int
    total: int


RULE = Rule()
# An event belongs to an utterance when it comes at most this long after its end.
LATE_FRAMES = 35


def windows(frames: NDArray[np.int8], hop: int) -> NDArray[np.int8]:
    """What the network sees: int8 [windows, 1, 49, 10, 1]."""
    starts = range(0, len(frames) - FRAMES + 1, hop)
    return np.stack([frames[start : start + FRAMES] for start in starts])[:, None, :, :, None]


def events(scores: NDArray[np.int8], rule: Rule) -> tuple[Event, ...]:
    """Events of a stream, from the network's int8 output [windows, 12] of scale 1/256."""
    posteriors = scores.astype(np.int32) + 128
    found: list[Event] = []
    for i in range(len(posteriors)):
        totals = posteriors[max(0, i - rule.smooth + 1) : i + 1, :KEYWORDS].sum(0)
        best, frame = int(totals.argmax()), FRAMES + i * rule.hop
        is_early = bool(found) and frame - found[-1].frame < rule.refractory
        if totals[best] >= rule.threshold * rule.smooth and not is_early:
            found.append(Event(frame, best, int(totals[best])))
    return tuple(found)


def judge(found: Sequence[Event], scene: Scene) -> tuple[int, int, int]:
    """Keywords spoken, keywords reported once and rightly, and all other events."""
    spoken = [word for word in scene.words if word[1] < KEYWORDS]
    rest = list(found)
    hits = 0
    for start, label in spoken:
        end = start + FRAMES
        for event in rest:
            if event.label == label and start < event.frame <= end + LATE_FRAMES:
                rest.remove(event)
                hits += 1
                break
    return len(spoken), hits, len(rest)


def header() -> str:
    """The text of app_data.h."""
    names = ", ".join(f'"{label}"' for label in LABELS[:KEYWORDS])
    return f"""// Of decision.py and data.py: generated.

#define FRAMES {FRAMES}
#define COEFFICIENTS {COEFFICIENTS}
#define KEYWORDS {KEYWORDS}
#define HOP {RULE.hop} // frames from one window to the next
#define SMOOTH {RULE.smooth} // windows whose posteriors are averaged
#define THRESHOLD {RULE.threshold} // of that average, in 1/256
#define REFRACTORY {RULE.refractory} // frames

static const char *const keyword_names[KEYWORDS] = {{{names}}};
"""
