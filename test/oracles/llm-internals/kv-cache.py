"""Logits of small decoders at every position by PyTorch in float64, from one masked pass over the whole sequence: no cache."""

import math

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20281)
T, V, D, H, KV, FF, CONTEXT = 11, 9, 12, 6, 2, 10, 16
DH = D // H


def parameters(layers, positions):
    def draw(*shape):
        return rng.standard_normal(shape) / (1 if len(shape) == 1 else math.sqrt(shape[0]))

    p = {"embedding": rng.standard_normal((V, D))}
    if positions == "learned":
        p["positions"] = rng.standard_normal((CONTEXT, D))
    for i in range(layers):
        k = f"blocks.{i}"
        p |= {f"{k}.norm1.gain": 1 + 0.3 * draw(D), f"{k}.norm2.gain": 1 + 0.3 * draw(D)}
        p |= {f"{k}.query.weight": draw(D, D), f"{k}.key.weight": draw(D, KV * DH), f"{k}.value.weight": draw(D, KV * DH)}
        p |= {f"{k}.output.weight": draw(D, D), f"{k}.up.weight": draw(D, FF), f"{k}.gate.weight": draw(D, FF)}
        p[f"{k}.down.weight"] = draw(FF, D)
    p |= {"norm.gain": 1 + 0.3 * draw(D), "head.weight": draw(D, V)}
    return {name: a.round(2) for name, a in p.items()}  # short numbers, a small file


def rope(x):
    angles = torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(0, DH, 2) / DH)
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], DH // 2, 2).contiguous()) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(z).reshape(x.shape)


def logits(layers, positions, window, sinks, p, tokens):
    p = {name: torch.tensor(a) for name, a in p.items()}
    i, j = torch.arange(T)[:, None], torch.arange(T)
    sees = (j <= i) & ((i - j < (window or T)) | (j < sinks))
    bias = torch.zeros(H, T, T)
    if positions == "alibi":
        # heads that are not a power of two: the slopes of 4 heads, then every second one of 8
        slopes = [2 ** (-8 * (k + 1) / 4) for k in range(4)] + [2 ** (-8 * (k + 1) / 8) for k in (0, 2)]
        bias = -torch.tensor(slopes)[:, None, None] * (i - j).abs()
    bias = bias.masked_fill(~sees, -math.inf)
    x = p["embedding"][tokens]
    if positions == "learned":
        x = x + p["positions"][:T]
    if positions == "sinusoidal":
        angles = i * 10000.0 ** (-torch.arange(0, D, 2) / D)
        x = x + torch.stack((angles.sin(), angles.cos()), -1).reshape(T, D)

    def split(x, n):
        return x.view(T, n, DH).transpose(0, 1)

    for layer in range(layers):
        k = f"blocks.{layer}"
        a = F.rms_norm(x, (D,), p[f"{k}.norm1.gain"], eps=1e-5)
        q, key, v = (split(a @ p[f"{k}.{name}.weight"], n) for name, n in (("query", H), ("key", KV), ("value", KV)))
        if positions == "rope":
            q, key = rope(q), rope(key)
        key, v = (y.repeat_interleave(H // KV, 0) for y in (key, v))
        mixed = F.scaled_dot_product_attention(q[None], key[None], v[None], attn_mask=bias[None])[0]
        x = x + mixed.transpose(0, 1).reshape(T, D) @ p[f"{k}.output.weight"]
        b = F.rms_norm(x, (D,), p[f"{k}.norm2.gain"], eps=1e-5)
        x = x + (F.silu(b @ p[f"{k}.gate.weight"]) * (b @ p[f"{k}.up.weight"])) @ p[f"{k}.down.weight"]
    return F.rms_norm(x, (D,), p["norm.gain"], eps=1e-5) @ p["head.weight"]


def case(layers, positions, window=None, sinks=0):
    p = parameters(layers, positions)
    tokens = rng.integers(V, size=T)
    return {
        "layers": layers,
        "positions": positions,
        "window": window,
        "sinks": sinks,
        "parameters": {name: a.ravel() for name, a in p.items()},
        "tokens": tokens,
        "logits": logits(layers, positions, window, sinks, p, torch.tensor(tokens)).numpy(),
    }


emit(
    ["numpy", "torch"],
    cases=[
        case(1, "learned"),
        case(2, "rope"),
        case(3, "alibi"),
        case(2, "sinusoidal", window=4),
        case(2, "rope", window=3),
        case(2, "rope", window=1, sinks=1),
        case(2, "alibi", window=3, sinks=2),
        case(3, "learned", window=2, sinks=3),
    ],
)
