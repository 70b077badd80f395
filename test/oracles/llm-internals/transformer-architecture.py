"""Loss and all gradients of small transformers of every kind by PyTorch in float64, written with torch's own layers."""

import math

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20273)
B, T, V, D, H, FF = 2, 5, 7, 8, 4, 12
DH = D // H


def shapes(c):
    biases = c["norm"] == "layer"

    def norm(name):
        return {f"{name}.gain": (D,), **({f"{name}.bias": (D,)} if biases else {})}

    def linear(name, a, b):
        return {f"{name}.weight": (a, b), **({f"{name}.bias": (b,)} if biases else {})}

    s = {"embedding": (V, D)}
    if c["positions"] == "learned":
        s["positions"] = (6, D)
    for i in range(2):
        k = f"blocks.{i}"
        s |= norm(f"{k}.norm1") | linear(f"{k}.query", D, D) | linear(f"{k}.key", D, DH * c["kvHeads"])
        s |= linear(f"{k}.value", D, DH * c["kvHeads"]) | linear(f"{k}.output", D, D) | norm(f"{k}.norm2")
        if c["feedForward"] == "swiglu":
            s |= linear(f"{k}.gate", D, FF)
        s |= linear(f"{k}.up", D, FF) | linear(f"{k}.down", FF, D)
    if c["placement"] == "pre":
        s |= norm("norm")
    if not c["tiedHead"]:
        s["head.weight"] = (D, V)
    return s


def rope(x):
    angles = torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(0, DH, 2) / DH)
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], DH // 2, 2).contiguous()) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(z).reshape(x.shape)


def logits(c, p, tokens):
    def norm(x, name):
        if c["norm"] == "layer":
            return F.layer_norm(x, (D,), p[f"{name}.gain"], p[f"{name}.bias"])
        return F.rms_norm(x, (D,), p[f"{name}.gain"], eps=1e-5)

    def linear(x, name):
        return x @ p[f"{name}.weight"] + p.get(f"{name}.bias", 0)

    def split(x, n):
        return x.view(B, T, n, DH).transpose(1, 2)

    x = p["embedding"][tokens]
    if c["positions"] == "learned":
        x = x + p["positions"][:T]
    if c["positions"] == "sinusoidal":
        angles = torch.arange(T)[:, None] * 10000.0 ** (-torch.arange(0, D, 2) / D)
        x = x + torch.stack((angles.sin(), angles.cos()), -1).reshape(T, D)
    bias = torch.zeros(H, T, T)
    if c["positions"] == "alibi":
        slopes = torch.tensor([2 ** (-8 * (j + 1) / H) for j in range(H)])
        bias = -slopes[:, None, None] * (torch.arange(T)[:, None] - torch.arange(T)).abs()
    if c["causal"]:
        bias = bias.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)

    def attend(x, k):
        q, key, v = split(linear(x, f"{k}.query"), H), split(linear(x, f"{k}.key"), c["kvHeads"]), split(linear(x, f"{k}.value"), c["kvHeads"])
        if c["positions"] == "rope":
            q, key = rope(q), rope(key)
        key, v = (a.repeat_interleave(H // c["kvHeads"], 1) for a in (key, v))
        y = F.scaled_dot_product_attention(q, key, v, attn_mask=bias)
        return linear(y.transpose(1, 2).reshape(B, T, D), f"{k}.output")

    def transform(x, k):
        up = linear(x, f"{k}.up")
        if c["feedForward"] == "swiglu":
            return linear(F.silu(linear(x, f"{k}.gate")) * up, f"{k}.down")
        return linear(F.relu(up) if c["feedForward"] == "relu" else F.gelu(up), f"{k}.down")

    for i in range(2):
        k = f"blocks.{i}"
        if c["placement"] == "pre":
            x = x + attend(norm(x, f"{k}.norm1"), k)
            x = x + transform(norm(x, f"{k}.norm2"), k)
        else:
            x = norm(x + attend(x, k), f"{k}.norm1")
            x = norm(x + transform(x, k), f"{k}.norm2")
    if c["placement"] == "pre":
        x = norm(x, "norm")
    return x @ (p["embedding"].T if c["tiedHead"] else p["head.weight"])


def case(**changes):
    c = {"norm": "layer", "placement": "pre", "feedForward": "gelu", "positions": "rope", "kvHeads": 4, "causal": True, "tiedHead": False, **changes}
    arrays = {name: 0.6 * rng.standard_normal(shape) + (1 if name.endswith("gain") else 0) for name, shape in shapes(c).items()}
    p = {name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()}
    tokens, targets = rng.integers(V, size=(2, B, T))
    loss = F.cross_entropy(logits(c, p, torch.tensor(tokens)).reshape(-1, V), torch.tensor(targets).reshape(-1))
    gradients = torch.autograd.grad(loss, list(p.values()))
    return {
        "config": c,
        "parameters": {name: a.ravel() for name, a in arrays.items()},
        "tokens": tokens.ravel(),
        "targets": targets.ravel(),
        "loss": loss.item(),
        "gradients": {name: g.numpy().ravel() for name, g in zip(p, gradients)},
    }


layer = torch.nn.TransformerEncoderLayer(D, H, FF)
emit(
    ["numpy", "torch"],
    encoder_layer={
        "normFirst": layer.norm_first,
        "relu": layer.activation is F.relu,
        "linear1": list(layer.linear1.weight.shape),
        "biases": all(m.bias is not None for m in (layer.linear1, layer.linear2, layer.self_attn.out_proj, layer.norm1)),
        "eps": layer.norm1.eps,
    },
    cases=[
        case(positions="learned", tiedHead=True),
        case(norm="rms", feedForward="swiglu", positions="rope", kvHeads=2),
        case(placement="post", feedForward="relu", positions="sinusoidal", causal=False),
        case(norm="rms", placement="post", positions="alibi", kvHeads=1),
        case(positions="none", feedForward="swiglu"),
        case(positions="alibi", causal=False, kvHeads=2),
    ],
)
