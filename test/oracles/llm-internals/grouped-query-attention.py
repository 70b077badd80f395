"""Grouped-query attention by PyTorch: projections, repeated heads, scaled_dot_product_attention, and all gradients in float64."""

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20272)


def case(n, d, heads, kv_heads, head_dim, causal):
    shapes = {"x": (n, d), "wq": (d, heads * head_dim), "wk": (d, kv_heads * head_dim), "wv": (d, kv_heads * head_dim), "wo": (heads * head_dim, d)}
    arrays = {name: rng.standard_normal(shape) / np.sqrt(shape[0] if name != "x" else 1) for name, shape in shapes.items()}
    t = {name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()}

    def split(y, count):
        return y.view(n, count, head_dim).transpose(0, 1)

    q, k, v = split(t["x"] @ t["wq"], heads), split(t["x"] @ t["wk"], kv_heads), split(t["x"] @ t["wv"], kv_heads)
    k, v = (a.repeat_interleave(heads // kv_heads, 0) for a in (k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    output = y.transpose(0, 1).reshape(n, -1) @ t["wo"]
    score = (output**2).sum()
    gradients = torch.autograd.grad(score, [t["wk"], t["wv"]])
    return {**arrays, "heads": heads, "kvHeads": kv_heads, "causal": causal, "output": output.detach().numpy(),
            "dWk": gradients[0].numpy(), "dWv": gradients[1].numpy()}


emit(
    ["numpy", "torch"],
    cases=[case(5, 6, 4, 4, 3, True), case(4, 6, 4, 2, 2, True), case(6, 5, 6, 1, 2, False), case(3, 8, 6, 3, 4, True)],
)
