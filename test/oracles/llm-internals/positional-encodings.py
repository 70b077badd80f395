"""T5's buckets, ALiBi's slopes and sinusoids, written from the papers and the T5 release's formula in NumPy's vector form; the
losses of the two trained models of data/ beyond the length they were trained at, by PyTorch in float64."""

import math

import numpy as np
import torch
from decoder import load_decoder, logits, novel
from oracle import emit
from torch.nn import functional as F


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


LENGTHS, LAST = [64, 128, 256, 384], 32
ENDS = [1_101_000 + 3600 * i for i in range(6)]


def curve(name):
    """Mean loss of the LAST characters before each of ENDS, from inputs of each length."""
    config, characters, p = load_decoder(name)
    codes = novel(characters, max(ENDS))

    def loss(length):
        inputs = torch.stack([codes[end - 1 - length : end - 1] for end in ENDS])
        targets = torch.stack([codes[end - LAST : end] for end in ENDS])
        return F.cross_entropy(logits(config, p, inputs)[:, -LAST:].flatten(0, 1), targets.flatten()).item()

    with torch.no_grad():
        return [loss(length) for length in LENGTHS]


positions = np.array([0, 1, 2, 17, 1000])
d = 10
angles = positions[:, None] * 10000.0 ** (-np.arange(0, d, 2) / d)
sinusoids = np.empty((5, d))
sinusoids[:, 0::2], sinusoids[:, 1::2] = np.sin(angles), np.cos(angles)
relative = np.arange(-300, 301)
emit(
    ["numpy", "torch"],
    relative=relative,
    causal=t5_buckets(relative, False, 32, 128),
    bidirectional=t5_buckets(relative, True, 32, 128),
    small=t5_buckets(relative, True, 12, 50),
    slopes={str(h): slopes(h) for h in (1, 2, 3, 6, 8, 12, 16, 40)},
    positions=positions,
    sinusoids=sinusoids,
    lengths=LENGTHS,
    ends=ENDS,
    curves={name: curve(name) for name in ("tiny-rope", "tiny-alibi")},
)
