r"""Random numbers as a pure function of (seed, stream name, counter).

Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), written over the
array namespace: the same integers, and so the same uniforms bit for bit, from NumPy and from torch on any
device. There are no generator objects, so nothing can be shared between lanes or linger from an episode.

One block of four 32-bit words comes from a key of two words (the seed) and a counter of four words:

    (block index, counter, stream name's hash low, stream name's hash high)

A round is, with M0, M1 the multipliers and hi, lo the halves of a 64-bit product,

    (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0))

and the key is bumped by the Weyl constants after each.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from .arrays import device_of, namespace
from .errors import InputError

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF
_ROUNDS = 10


def _multiply(a: int, b: Any) -> tuple[Any, Any]:
    """High and low 32 bits of a * b, with b < 2^32 held in int64 (so that torch can do it, too)."""
    low_part = a * (b & 0xFFFF)  # < 2^48
    high_part = a * (b >> 16) + (low_part >> 16)  # < 2^49
    return high_part >> 16, ((high_part & 0xFFFF) << 16) | (low_part & 0xFFFF)


def philox4x32(counter: Sequence[Any], key: Sequence[Any]) -> tuple[Any, Any, Any, Any]:
    """Ten rounds of Philox on broadcastable int64 arrays that hold 32-bit words.

    Args:
        counter: Four words.
        key: Two words.

    Returns:
        Four words, int64 arrays with values below 2^32.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for i in range(_ROUNDS):
        if i:
            k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
        high0, low0 = _multiply(_M0, c0)
        high1, low1 = _multiply(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


@lru_cache(maxsize=1024)
def _stream_words(stream: str) -> tuple[int, int]:
    digest = hashlib.blake2b(stream.encode(), digest_size=8).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


def words(seeds: Any, stream: str, counter: Any = 0, size: int = 1) -> Any:
    """Raw 32-bit words.

    Args:
        seeds: int64 (n,), one a lane.
        stream: What the numbers are for; other names give independent numbers.
        counter: Which draw of the stream: an int below 2^32, or int64 (n,), such as each lane's step.
        size: How many words a lane.

    Returns:
        int64 (n, size), values in [0, 2^32).
    """
    xp = namespace(seeds)
    if not xp.isdtype(seeds.dtype, "integral") or seeds.ndim != 1:
        raise InputError(f"Seeds are a vector of integers, {seeds.dtype} of shape {tuple(seeds.shape)} came.")
    seeds = xp.astype(seeds, xp.int64)[:, None]
    stream_low, stream_high = _stream_words(stream)
    block = xp.arange((size + 3) // 4, dtype=xp.int64, device=device_of(seeds))[None, :]
    zero = seeds * 0 + block * 0
    draw = xp.astype(counter, xp.int64)[:, None] if getattr(counter, "ndim", 0) else int(counter)
    out = philox4x32(
        (block + zero, (draw & _MASK) + zero, stream_low + zero, stream_high + zero),
        (seeds & _MASK, (seeds >> 32) & _MASK),
    )
    return xp.reshape(xp.stack(out, axis=-1), (seeds.shape[0], 4 * block.shape[1]))[:, :size]


def uniform(
    seeds: Any, stream: str, counter: Any = 0, *, shape: tuple[int, ...] = (), low: float = 0.0, high: float = 1.0
) -> Any:
    """Uniform numbers in [low, high), float64 (n, *shape): low + (high - low) * word / 2^32."""
    xp = namespace(seeds)
    raw = words(seeds, stream, counter, math.prod(shape))
    fraction = xp.astype(raw, xp.float64) * 2.0**-32
    return xp.reshape(low + (high - low) * fraction, (seeds.shape[0], *shape))


def normal(seeds: Any, stream: str, counter: Any = 0, *, shape: tuple[int, ...] = ()) -> Any:
    """Standard normal numbers, float64 (n, *shape), by Box and Muller (1958).

    z = sqrt(-2 ln u) cos(2 pi v), u in (0, 1]. Logarithm and cosine are the device's own: equal between
    runs and lane counts, but not promised bit for bit between devices as uniforms are.
    """
    xp = namespace(seeds)
    size = math.prod(shape)
    raw = xp.astype(words(seeds, stream, counter, 2 * size), xp.float64)
    u = (raw[:, :size] + 1.0) * 2.0**-32
    v = raw[:, size:] * 2.0**-32
    z = xp.sqrt(-2.0 * xp.log(u)) * xp.cos(2.0 * math.pi * v)
    return xp.reshape(z, (seeds.shape[0], *shape))


def integers(seeds: Any, stream: str, counter: Any = 0, *, shape: tuple[int, ...] = (), below: int) -> Any:
    """Integers in [0, below), int64 (n, *shape): floor(below * word / 2^32), `below` at most 2^31."""
    if not 0 < below <= 2**31:
        raise InputError(f"'below' is between 1 and 2^31, {below} came.")
    xp = namespace(seeds)
    raw = words(seeds, stream, counter, math.prod(shape))
    return xp.reshape((raw * below) >> 32, (seeds.shape[0], *shape))
