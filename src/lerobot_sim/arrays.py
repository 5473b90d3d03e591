"""Arrays of NumPy, torch and others: the few things that the array API standard leaves open."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = Any
"""An array of NumPy, or of a namespace that array-api-compat knows."""


# array-api-compat is imported where an array is not NumPy's: a simulator's own environment has NumPy alone
_NUMPY_IS_STANDARD = hasattr(np, "astype")  # from NumPy 2.1 on


def namespace(array: Array) -> Any:
    """The array API namespace of an array; NumPy itself for NumPy's.

    array-api-compat's NumPy imports all of NumPy, f2py and testing too: 0.3 s in every process.
    """
    if _NUMPY_IS_STANDARD and isinstance(array, np.ndarray):
        return np
    import array_api_compat

    return array_api_compat.array_namespace(array)


def device_of(array: Array) -> Any:
    """Where an array lies; "cpu" for NumPy's."""
    if isinstance(array, np.ndarray):
        return "cpu"
    import array_api_compat

    return array_api_compat.device(array)  # pyright: ignore[reportUnknownMemberType]


def to_numpy(array: Array) -> NDArray[Any]:
    """The array on the host, as NumPy; no copy where it is there already."""
    if isinstance(array, np.ndarray):
        return array  # pyright: ignore[reportUnknownVariableType]
    import array_api_compat

    return np.asarray(array_api_compat.to_device(array, "cpu"))


def like(host: NDArray[Any], array: Array) -> Array:
    """A host array in the namespace and on the device of `array`."""
    if isinstance(array, np.ndarray):
        return host
    return namespace(array).asarray(host, device=device_of(array))


def zeros_like_batch(array: Array, count: int) -> Array:
    """Zeros of shape (count, *array.shape[1:]), of the same dtype and device."""
    return namespace(array).zeros((count, *array.shape[1:]), dtype=array.dtype, device=device_of(array))


def dtype_name(array: Array) -> str:
    """NumPy's name of an array's dtype, for torch's as well."""
    return _name_of(array.dtype)


@cache
def _name_of(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
