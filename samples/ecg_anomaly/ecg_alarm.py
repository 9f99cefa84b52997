"""The alarm rule: k of the last n beats are abnormal; and how often healthy beats trip it."""

from __future__ import annotations

import numpy as np

ABNORMAL = 4  # k
BEATS = 6  # n
BEATS_A_DAY = 75 * 60 * 24  # at a resting heart rate of 75 beats a minute


def false_alarms_per_day(rate: float, abnormal: int = ABNORMAL, beats: int = BEATS) -> float:
    """How many alarms a day begin although every beat is healthy.

    An alarm begins when `abnormal` of the last `beats` beats are above the threshold, and ends
    when none of them is, as in main.c. That is a Markov chain over which of the last beats were
    above it and whether the alarm is on; the answer is exact for its stationary distribution.

    Args:
        rate: share of healthy beats above the threshold, 0 to 1; each beat independent of the
            others, which artefacts of a moving patient are not.
        abnormal: k of the rule.
        beats: n of the rule.
    """
    histories = 1 << beats
    # State 2 * history + on. Column j of the matrix holds where state j goes.
    step = np.zeros((2 * histories, 2 * histories))
    begins = np.zeros(2 * histories)
    for history in range(histories):
        for on in (0, 1):
            for above, chance in ((0, 1 - rate), (1, rate)):
                after = (history << 1 | above) % histories
                count = after.bit_count()
                alarm = int(count > 0) if on else int(count >= abnormal)
                step[2 * after + alarm, 2 * history + on] += chance
                begins[2 * history + on] += chance if alarm > on else 0.0
    # The share of time in each state: (step - 1) p = 0 with the sum of p equal to 1.
    system = np.vstack((step - np.eye(2 * histories), np.ones(2 * histories)))
    shares = np.linalg.lstsq(system, np.append(np.zeros(2 * histories), 1.0), rcond=None)[0]
    return float(begins @ shares) * BEATS_A_DAY
