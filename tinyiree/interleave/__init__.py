"""Running chains of layers depth first, so that a large feature map never exists whole.

The steps of a chain are cut into calls of a few rows (`chain`). A map between two of its layers is
held in a window of rows: what is still needed is moved to the window's start when it is full, and
kernels see a pointer to where the map's first row would lie, so that they know nothing of it. No
row is computed twice. `search` finds the chains, and the rows of a call, that need the least memory
for their price in instructions (`cost`); the planner's placement has the last word.

`occupancy` tells the planner what each step does to its tensors; `choose` puts all together, and
`banks` distributes tensors over several memories.

Branches are part of a chain when they end in it: of a residual block the map that goes around is
a window too, of more rows. Maps that are used outside of a chain exist whole.
"""
