"""Both layouts of the rotation by PyTorch, from explicit block-diagonal matrices and from the halves; scores by NumPy's complex numbers."""

import numpy as np
import torch
from oracle import emit

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
emit(
    ["numpy", "torch"],
    cases=[
        case(5, 6, 10000.0, 6, [0, 1, 2, 3, 4]),
        case(4, 8, 500000.0, 8, [100000, 7, 0, 31]),
        case(3, 10, 10000.0, 4, [3, 1, 2]),
    ],
    scores={"q": q, "k": k, "distances": distances, "scores": scores},
    bfloat16Positions=int(torch.unique(torch.arange(4096, dtype=torch.float32).to(torch.bfloat16)).numel()),
    bfloat16Of257=float(torch.tensor(257.0).to(torch.bfloat16)),
)
