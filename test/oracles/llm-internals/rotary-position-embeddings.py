"""Both layouts of the rotation by PyTorch, from explicit block-diagonal matrices and from the halves; scores by NumPy's complex numbers;
losses of the trained model of data/ with weights in the other layout, and beyond its length with angles squeezed."""

import numpy as np
import torch
from decoder import interleaved_rope, load_decoder, logits, novel
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(20271)


def frequencies(d, base):
    return base ** (-np.arange(0, d, 2) / d)


def interleaved(x, positions, base, rotary):
    """Every vector times its block-diagonal rotation matrix."""
    out = x.copy()
    for row, m in enumerate(positions):
        blocks = [torch.tensor([[np.cos(m * t), -np.sin(m * t)], [np.sin(m * t), np.cos(m * t)]]) for t in frequencies(rotary, base)]
        out[row, :rotary] = (torch.block_diag(*blocks) @ torch.tensor(x[row, :rotary])).numpy()
    return out


def half(x, positions, base, rotary):
    """x·cos + rotate_half(x)·sin, as Llama's code has it."""
    angles = torch.outer(torch.tensor(positions, dtype=torch.float64), torch.tensor(frequencies(rotary, base)))
    angles = torch.cat((angles, angles), -1)
    part = torch.tensor(x[:, :rotary])
    first, second = part.chunk(2, -1)
    rotated = part * angles.cos() + torch.cat((-second, first), -1) * angles.sin()
    return np.concatenate((rotated.numpy(), x[:, rotary:]), 1)


def case(n, d, base, rotary, positions):
    x = rng.standard_normal((n, d))
    return {
        "x": x, "positions": positions, "base": base, "rotaryDim": rotary,
        "interleaved": interleaved(x, positions, base, rotary), "half": half(x, positions, base, rotary),
    }


q, k = rng.standard_normal(8), rng.standard_normal(8)
distances = [-100000, -7, 0, 1, 2.5, 999, 100000]
qc, kc = q[::2] + 1j * q[1::2], k[::2] + 1j * k[1::2]
scores = [float(np.real(np.sum(qc * np.conj(kc) * np.exp(1j * r * frequencies(8, 10000.0))))) for r in distances]
STARTS = [1_100_000 + 3000 * i for i in range(8)]
ENDS = [1_101_000 + 3600 * i for i in range(6)]
config, characters, trained = load_decoder("tiny-rope")
codes = novel(characters, max(STARTS) + 65)


def half_weights():
    """Queries and keys of every head reordered: first coordinates of all pairs, then the second ones."""
    order = [8 * head + c for head in range(4) for c in (0, 2, 4, 6, 1, 3, 5, 7)]
    return {name: w[..., order] if ".query." in name or ".key." in name else w for name, w in trained.items()}


def half_rope(x):
    B, h, T, width = x.shape
    flat = x.reshape(B * h, T, width).numpy()
    return torch.tensor(np.stack([half(rows, list(range(T)), 10000.0, width) for rows in flat])).view(x.shape)


def windows_loss(p, rope):
    inputs, targets = (torch.stack([codes[start + shift : start + shift + 64] for start in STARTS]) for shift in (0, 1))
    with torch.no_grad():
        return F.cross_entropy(logits(config, p, inputs, rope).flatten(0, 1), targets.flatten()).item()


def squeezed(length, factors):
    """Loss of the 32 characters before each of ENDS, each pair's angles multiplied by its factor."""

    def rope(x):
        angles = torch.outer(torch.arange(length, dtype=x.dtype), torch.tensor(factors) * torch.tensor(frequencies(8, 10000.0)))
        z = torch.view_as_complex(x.reshape(*x.shape[:-1], 4, 2)) * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(z).reshape(x.shape)

    inputs = torch.stack([codes[end - 1 - length : end - 1] for end in ENDS])
    targets = torch.stack([codes[end - 32 : end] for end in ENDS])
    with torch.no_grad():
        return F.cross_entropy(logits(config, trained, inputs, rope)[:, -32:].flatten(0, 1), targets.flatten()).item()


f = 64 / 384
emit(
    ["numpy", "torch"],
    starts=STARTS,
    ends=ENDS,
    losses={
        "halfInHalf": windows_loss(half_weights(), half_rope),
        "halfInInterleaved": windows_loss(half_weights(), interleaved_rope),
        "plain": squeezed(384, [1.0, 1.0, 1.0, 1.0]),
        "slowSqueezed": squeezed(384, [1.0, 1.0, f, f]),
        "fastSqueezed": squeezed(384, [f, f, 1.0, 1.0]),
    },
    cases=[
        case(5, 6, 10000.0, 6, [0, 1, 2, 3, 4]),
        case(4, 8, 500000.0, 8, [100000, 7, 0, 31]),
        case(3, 10, 10000.0, 4, [3, 1, 2]),
    ],
    scores={"q": q, "k": k, "distances": distances, "scores": scores},
    bfloat16Positions=int(torch.unique(torch.arange(4096, dtype=torch.float32).to(torch.bfloat16)).numel()),
    bfloat16Of257=float(torch.tensor(257.0).to(torch.bfloat16)),
)
