"""The trained models of data/ in PyTorch, float64: `from decoder import load_decoder, logits, novel`."""

import base64
import json
import math

import numpy as np
import torch
from oracle import DATA
from torch.nn import functional as F


def load_decoder(name):
    """(config, characters, parameters by name) of data/<name>.json."""
    file = json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))
    parameters = {
        key: torch.tensor(np.frombuffer(base64.b64decode(value["float32"]), dtype="<f4").astype(float)).view(value["shape"])
        for key, value in file["parameters"].items()
    }
    return file["config"], file["characters"], parameters


def novel(characters, length):
    """The first characters of Moby-Dick as places in `characters`."""
    chapters = json.loads((DATA / "moby-dick.json").read_text(encoding="utf8"))["chapters"]
    codes = {character: code for code, character in enumerate(characters)}
    return torch.tensor([codes[character] for character in "\n\n".join(chapters)[:length]])


def interleaved_rope(x):
    """Rotates B×h×T×dh by complex multiplication: coordinates 2i and 2i + 1 are a pair."""
    T, width = x.shape[-2:]
    angles = torch.outer(torch.arange(T, dtype=x.dtype), 10000.0 ** (-torch.arange(0, width, 2, dtype=x.dtype) / width))
    z = torch.view_as_complex(x.reshape(*x.shape[:-1], width // 2, 2)) * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(z).reshape(x.shape)


def logits(config, p, tokens, rope=interleaved_rope):
    """B×T×V for tokens B×T: pre-norm blocks, GELU, RoPE or ALiBi, as many key heads as the keys are wide."""
    (B, T), d, heads = tokens.shape, config["dModel"], config["heads"]

    def norm(x, name):
        return F.layer_norm(x, (d,), p[f"{name}.gain"], p[f"{name}.bias"])

    def linear(x, name):
        return x @ p[f"{name}.weight"] + p[f"{name}.bias"]

    def split(x):
        return x.view(B, T, -1, d // heads).transpose(1, 2)

    bias = torch.zeros(heads, T, T, dtype=torch.float64)
    if config["positions"] == "alibi":
        distance = torch.arange(T)[:, None] - torch.arange(T)
        bias = torch.stack([-(2.0 ** (-8 * (j + 1) / heads)) * distance for j in range(heads)]).double()
    bias = bias.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
    x = p["embedding"][tokens]
    for k in (f"blocks.{layer}" for layer in range(config["layers"])):
        y = norm(x, f"{k}.norm1")
        q, key, value = (split(linear(y, f"{k}.{part}")) for part in ("query", "key", "value"))
        if config["positions"] == "rope":
            q, key = rope(q), rope(key)
        key, value = (a.repeat_interleave(heads // a.shape[1], 1) for a in (key, value))
        mixed = F.scaled_dot_product_attention(q, key, value, attn_mask=bias)
        x = x + linear(mixed.transpose(1, 2).reshape(B, T, d), f"{k}.output")
        x = x + linear(F.gelu(linear(norm(x, f"{k}.norm2"), f"{k}.up")), f"{k}.down")
    return norm(x, "norm") @ p["head.weight"]
