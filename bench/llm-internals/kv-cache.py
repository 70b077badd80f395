"""The same decoder written with torch, keys and values in arrays that were reserved beforehand."""

import numpy as np
import torch
from native import native, read
from torch.nn import functional as F

torch.set_num_threads(1)
torch.set_grad_enabled(False)
V, L, H, KV, D, FF = 512, 4, 8, 2, 256, 768
DH = D // H
tokens = read("tokens", dtype=np.int32)
numbers = torch.tensor(read("parameters"), dtype=torch.float32)


def take(*shape):
    global numbers
    size = int(np.prod(shape))
    part, numbers = numbers[:size].reshape(shape), numbers[size:]
    return part


embedding = take(V, D)
blocks = [
    [take(*s) for s in ((D,), (D, D), (D, KV * DH), (D, KV * DH), (D, D), (D,), (D, FF), (D, FF), (FF, D))]
    for _ in range(L)
]
norm, head = take(D), take(D, V)
angles = torch.arange(len(tokens))[:, None] * 10000.0 ** (-torch.arange(0, DH, 2) / DH)
turns = torch.polar(torch.ones_like(angles), angles)


def rope(x, t):
    return torch.view_as_real(torch.view_as_complex(x.view(*x.shape[:-1], DH // 2, 2)) * turns[t]).view(x.shape)


def decode():
    keys, values = (torch.zeros(L, 1, KV, len(tokens), DH) for _ in range(2))
    for t, token in enumerate(tokens):
        x = embedding[int(token)][None]
        for i, (n1, q, k, v, o, n2, gate, up, down) in enumerate(blocks):
            a = F.rms_norm(x, (D,), n1, eps=1e-5)
            keys[i, 0, :, t] = rope((a @ k).view(KV, DH), t)
            values[i, 0, :, t] = (a @ v).view(KV, DH)
            y = F.scaled_dot_product_attention(
                rope((a @ q).view(1, H, 1, DH), t), keys[i, :, :, : t + 1], values[i, :, :, : t + 1], enable_gqa=True
            )
            x = x + y.reshape(1, D) @ o
            b = F.rms_norm(x, (D,), n2, eps=1e-5)
            x = x + (F.silu(b @ gate) * (b @ up)) @ down
        logits = F.rms_norm(x, (D,), norm, eps=1e-5) @ head
    return logits[0]


native(f"torch {torch.__version__.split('+')[0]}", decode, lambda logits: logits.numpy().astype(np.float64))
