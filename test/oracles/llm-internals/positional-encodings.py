"""T5's buckets, ALiBi's slopes and sinusoids, written from the papers and the T5 release's formula in NumPy's vector form."""

import math

import numpy as np
from oracle import emit


def t5_buckets(relative, bidirectional, buckets, max_distance):
    """Vectorised; the logarithm in float32, as the released code has it."""
    relative = np.asarray(relative)
    result = np.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        result = result + (relative > 0) * buckets
        n = np.abs(relative)
    else:
        n = np.maximum(-relative, 0)
    exact = buckets // 2
    with np.errstate(divide="ignore"):
        logs = np.log(n.astype(np.float32) / exact) / np.float32(math.log(max_distance / exact)) * (buckets - exact)
    far = np.minimum(exact + np.where(n > 0, logs, 0).astype(int), buckets - 1)
    return result + np.where(n < exact, n, far)


def slopes(n):
    def power_of_two(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]

    if math.log2(n).is_integer():
        return power_of_two(n)
    below = 2 ** math.floor(math.log2(n))
    return power_of_two(below) + slopes(2 * below)[0::2][: n - below]


positions = np.array([0, 1, 2, 17, 1000])
d = 10
angles = positions[:, None] * 10000.0 ** (-np.arange(0, d, 2) / d)
sinusoids = np.empty((5, d))
sinusoids[:, 0::2], sinusoids[:, 1::2] = np.sin(angles), np.cos(angles)
relative = np.arange(-300, 301)
emit(
    ["numpy"],
    relative=relative,
    causal=t5_buckets(relative, False, 32, 128),
    bidirectional=t5_buckets(relative, True, 32, 128),
    small=t5_buckets(relative, True, 12, 50),
    slopes={str(h): slopes(h) for h in (1, 2, 3, 6, 8, 12, 16, 40)},
    positions=positions,
    sinusoids=sinusoids,
)
