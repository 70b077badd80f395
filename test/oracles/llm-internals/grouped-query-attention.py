"""Grouped-query attention by PyTorch in float64: projections, rotation by complex numbers, scaled_dot_product_attention on
repeated heads and with its own grouping (enable_gqa), gradients of the shared heads; means of groups of heads; losses of the
trained model of data/ with fewer key heads."""

import numpy as np
import torch
from decoder import load_decoder, logits, novel
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20272)


def rotate(x, positions, base):
    """heads×tokens×width, neighbouring coordinates as complex numbers."""
    width = x.shape[-1]
    angles = torch.tensor(positions)[:, None] * base ** (-torch.arange(0, width, 2) / width)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], width // 2, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).reshape(x.shape)


def case(n, d, heads, kv_heads, head_dim, causal, positions=None, base=10_000.0):
    shapes = {"x": (n, d), "wq": (d, heads * head_dim), "wk": (d, kv_heads * head_dim), "wv": (d, kv_heads * head_dim), "wo": (heads * head_dim, d)}
    arrays = {name: rng.standard_normal(shape) / np.sqrt(shape[0] if name != "x" else 1) for name, shape in shapes.items()}
    t = {name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()}

    def split(y, count):
        return y.view(n, count, head_dim).transpose(0, 1)

    q, k, v = split(t["x"] @ t["wq"], heads), split(t["x"] @ t["wk"], kv_heads), split(t["x"] @ t["wv"], kv_heads)
    if positions is not None:
        q, k = rotate(q, positions, base), rotate(k, positions, base)
    keys, values = (a.detach().transpose(0, 1).reshape(n, -1).numpy() for a in (k, v))
    grouped = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=causal, enable_gqa=True)[0]
    k, v = (a.repeat_interleave(heads // kv_heads, 0) for a in (k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    assert torch.allclose(y, grouped, rtol=0, atol=1e-13)
    output = y.transpose(0, 1).reshape(n, -1) @ t["wo"]
    score = (output**2).sum()
    gradients = torch.autograd.grad(score, [t["wk"], t["wv"]])
    return {**arrays, "positions": positions, "base": base, "keys": keys, "values": values, "heads": heads, "kvHeads": kv_heads, "causal": causal, "output": output.detach().numpy(),
            "dWk": gradients[0].numpy(), "dWv": gradients[1].numpy()}


cases = [
    case(5, 6, 4, 4, 3, True),
    case(4, 6, 4, 2, 2, True),
    case(6, 5, 6, 1, 2, False),
    case(3, 8, 6, 3, 4, True),
    case(5, 7, 6, 2, 4, True, [7.0, 3.0, 20.0, 21.0, 1000.0], 500_000.0),
]
many = rng.standard_normal((5, 12))  # 6 heads of 2
mean = many.reshape(5, 2, 3, 2).mean(2).reshape(5, 4)
STARTS = [1_100_000 + 3000 * i for i in range(8)]
config, characters, trained = load_decoder("tiny-rope")
codes = novel(characters, max(STARTS) + 65)
inputs, targets = (torch.stack([codes[start + shift : start + shift + 64] for start in STARTS]) for shift in (0, 1))


def converted(kv_heads, way):
    """Loss on 8 windows of 64 characters with the mean, or the first, of each group's key and value heads."""

    def fewer(w):
        groups = w.reshape(*w.shape[:-1], kv_heads, 4 // kv_heads, 8)
        return (groups.mean(-2) if way == "mean" else groups[..., 0, :]).flatten(-2)

    p = {name: fewer(w) if ".key." in name or ".value." in name else w for name, w in trained.items()}
    with torch.no_grad():
        return F.cross_entropy(logits(config, p, inputs).flatten(0, 1), targets.flatten()).item()


def lost(kv_heads):
    """Share of the squares of the key weights of each block that the mean loses."""
    keys = [trained[f"blocks.{layer}.key.weight"].reshape(32, kv_heads, 4 // kv_heads, 8) for layer in (0, 1)]
    return [(((w - w.mean(2, keepdim=True)) ** 2).sum() / (w**2).sum()).item() for w in keys]


conversions = [
    {"kvHeads": kv_heads, "mean": converted(kv_heads, "mean"), "first": converted(kv_heads, "first"), "lost": lost(kv_heads)}
    for kv_heads in (4, 2, 1)
]
emit(["numpy", "torch"], cases=cases, pooled={"many": many, "mean": mean}, starts=STARTS, conversions=conversions)
