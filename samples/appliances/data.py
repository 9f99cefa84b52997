"""Power traces of home appliances: the data set ACSF1 of the UCR archive, from the package aeon.

An hour of a smart meter's readings, one each 10 s, for 10 kinds of appliance: 100 recordings to
train on and 100 of other appliances of the same kinds for the test (Gisler et al., "Appliance
consumption signature database and recognition test protocols", 2013).

The publisher gives each recording as one series of 1,460 numbers, less its mean and over its
deviation. The series interleaves four quantities: the third one hardly moves and is far above the
others, as mains voltage in volts is. With it as the unit, and the lowest value of the fourth one as
zero, the quantities come back: reactive power (negative for capacitive loads), active power,
voltage and current, this one from its lowest value of the hour on. They agree where an appliance
rests for once: there volts times amperes are the apparent power, the root of the sum of the squares
of watts and vars.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyiree.time_series import load_series

CLASSES = 10
READINGS = 365  # an hour, one each 10 s
QUANTITIES = 4  # reactive power, active power, voltage, current
MAINS_VOLTS = 230
# The meter's steps in a var, a watt, a volt and an ampere.
METER_STEPS = np.array([10, 10, 10, 100])
SEEN = [0, 1, 3]  # what the network sees: voltage says nothing of the appliance

Floats = NDArray[np.float32]
Readings = NDArray[np.int16]
Labels = NDArray[np.int64]


def readings(half: str) -> tuple[Readings, Labels]:
    """What the meter said in "TRAIN" or "TEST", int16 [100, 365, 4], and labels int64 [100].

    The unit is METER_STEPS.

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    series, labels = load_series(f"ACSF1_{half}.ts")
    x = series.reshape(-1, READINGS, QUANTITIES).astype(np.float64)
    # The lowest current: 0 A if the appliance rests for once, else about one at most, which shifts
    # the powers by as many watts and the voltage by as many volts.
    zero = x[:, :, 3].min(1)[:, np.newaxis, np.newaxis]
    mains = np.median(x[:, :, 2], 1)[:, np.newaxis, np.newaxis]
    physical = MAINS_VOLTS * (x - zero) / (mains - zero)
    steps = np.clip(np.rint(physical * METER_STEPS), -32768, 32767)
    return steps.astype(np.int16), np.array(labels).astype(np.int64)


def compress(x: Readings) -> Floats:
    """Readings [..., 365, 4] -> what the network sees, float32 [..., 3, 365], as in main.c.

    sign(v) * log2(1 + |v|), where log2 is taken as linear between powers of two: so a phone's
    charger and a coffee machine both fill a good part of int8.
    """
    value = x[..., SEEN].astype(np.int32)
    magnitude = np.abs(value) + 1
    exponent = np.frexp(magnitude)[1] - 1
    logarithm = exponent + (magnitude / np.exp2(exponent) - 1)
    return np.swapaxes(np.sign(value) * logarithm, -1, -2).astype(np.float32)


def test() -> tuple[Floats, Labels]:
    """The test recordings, float32 [100, 3, 365], compressed, and labels int64 [100].

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    x, y = readings("TEST")
    return compress(x), y


def calibration() -> Floats:
    """The training recordings, float32 [100, 3, 365], compressed.

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    return compress(readings("TRAIN")[0])


def stream() -> Readings:
    """What the meter of main.c delivers: the first test recording of each class, [10, 365, 4].

    Raises:
        TinyireeError: the file is not there or is no such file.
    """
    x, y = readings("TEST")
    return np.stack([x[y == k][0] for k in range(CLASSES)])
