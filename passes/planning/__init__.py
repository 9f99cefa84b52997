"""Placing tensors in one arena, and choosing the order of steps, for the least RAM.

The model, which everything here and in ``tinyiree.interleave.occupancy`` shares:

- **Time** is a row of ticks. Tick 0 is before the first step (the application writes the inputs),
  the last tick is after the last step (it reads the outputs). A step takes one tick or more:
  `occupancy.StepUses` says how many, and `occupancy.Use` which bytes of a buffer are read or
  written at which of them. A kernel call takes two ticks for each output pixel (its reads, its
  writes), a compiled dispatch one, a copy two. A call may cover a part of its layer's rows only,
  several steps may write one buffer, and accesses outside of a buffer (a ring whose virtual first
  row lies before it) are cut off at its ends.
- **Occupancy** (`occupancy.Occupancy`): at each tick a buffer needs the bytes ``[low, high)`` of
  itself: no byte below `low` will be read again, none from `high` on has been written.
- **Conflict** (`conflicts.Conflict`): over all ticks at which both are not empty, these intervals
  of two buffers a and b are disjoint when ``offset(b) - offset(a) >= above`` or
  ``offset(a) - offset(b) >= below``. Two whole buffers give their sizes; an output that may lie
  over the dead part of its input gives a small `below`; zero is in place.
- **Placement**: `greedy.place` is the fast path and the seed, `exact.solve` proves the optimum,
  `conflicts.heaviest_tick` is a lower bound for any placement.
- **Order** (`order.search`): the order of the steps with the least peak, by dynamic programming.
"""
