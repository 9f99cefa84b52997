"""The algebra of views against numpy: a view of arange(n) is the array itself."""

import math

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from tinyiree.passes.views.view import View

Ints = npt.NDArray[np.int64]
EXTENTS = st.sampled_from([1, 2, 3, 4, 6])
SHAPES = st.lists(EXTENTS, min_size=1, max_size=4)


def elements(view: View) -> Ints:
    """What each element of the view is in the base, by the definition of a view."""
    base = np.arange(math.prod(view.atoms)).reshape(view.atoms)
    return base.transpose(view.order).reshape(view.shape)


@st.composite
def views(draw: st.DrawFn) -> tuple[View, Ints, tuple[int, ...]]:
    """A view after random steps, the array it stands for, and the base's shape."""
    shape = tuple(draw(SHAPES))
    view, array = View.identity(shape), np.arange(math.prod(shape)).reshape(shape)
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            order = draw(st.permutations(range(array.ndim)))
            view, array = view.transpose(order), array.transpose(order)
        else:
            wanted = draw(st.permutations([*array.shape, 1]))
            if draw(st.booleans()) and array.ndim > 1:
                wanted = [array.shape[0] * array.shape[1], *array.shape[2:]]
            found = view.reshape(wanted)
            if found is not None:
                view, array = found, array.reshape(wanted)
    return view, array, shape


@given(views())
def test_a_view_is_what_numpy_makes(case: tuple[View, Ints, tuple[int, ...]]) -> None:
    view, array, _ = case
    assert view.shape == array.shape
    np.testing.assert_array_equal(elements(view), array)
    assert view.moves_nothing == bool((array.ravel() == np.arange(array.size)).all())


@given(views())
def test_runs_cover_the_order_with_neighbours(case: tuple[View, Ints, tuple[int, ...]]) -> None:
    view = case[0]
    assert tuple(atom for run in view.runs() for atom in run) == view.order
    assert all(run == tuple(range(run[0], run[-1] + 1)) for run in view.runs())


@given(views())
def test_base_axes_are_the_base(case: tuple[View, Ints, tuple[int, ...]]) -> None:
    view, _, shape = case
    axes = view.base_axes(shape)
    assert tuple(math.prod(view.atoms[a] for a in axis) for axis in axes) == shape
    assert [a for axis in axes for a in axis] == list(range(len(view.atoms)))


@given(views(), st.data())
def test_undo_lays_another_tensor_out_as_the_base(
    case: tuple[View, Ints, tuple[int, ...]], data: st.DataObject
) -> None:
    view, array, shape = case
    wide = [data.draw(st.booleans()) for _ in array.shape]
    other = tuple(n if keep else 1 for n, keep in zip(array.shape, wide, strict=True))
    laid = view.undo(View.identity(other), shape)
    if laid is None:  # an axis of the base would be broadcast in part
        groups = [set(group) for group in view.base_axes(shape)]
        narrow = {a for n, axis in zip(other, view.axes, strict=True) if n == 1 for a in axis}
        assert any(group & narrow and group - narrow for group in groups)
        return
    values = np.arange(math.prod(other)) * 7
    seen = values.reshape(other) + array  # in the shape of the view
    base = values[elements(laid)] + np.arange(array.size).reshape(shape)
    np.testing.assert_array_equal(base.ravel()[elements(view)], seen)


@given(views(), st.data())
def test_resized_is_the_same_view_of_a_longer_axis(
    case: tuple[View, Ints, tuple[int, ...]], data: st.DataObject
) -> None:
    view, array, shape = case
    axis = data.draw(st.integers(0, array.ndim - 1))
    at = view.base_axis(axis, shape)
    if at is None:
        return
    extent = data.draw(EXTENTS)
    longer = (*shape[:at], extent, *shape[at + 1 :])
    resized = view.resized(axis, at, shape, extent)
    assert resized.shape == (*array.shape[:axis], extent, *array.shape[axis + 1 :])
    common = min(extent, array.shape[axis])
    new = np.unravel_index(np.take(elements(resized), range(common), axis), longer)
    old = np.unravel_index(np.take(array, range(common), axis), shape)
    np.testing.assert_array_equal(np.stack(new), np.stack(old))


def test_reshape_that_is_no_product() -> None:
    assert View.identity((2, 3)).transpose((1, 0)).reshape((2, 3)) is None
    assert View.identity((6,)).reshape((2, 3)) == View((2, 3), ((0,), (1,)))
