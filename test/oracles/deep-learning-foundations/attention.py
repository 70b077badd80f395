"""scaled_dot_product_attention and its gradients by PyTorch in float64, with masks; Nadaraya-Watson regression by NumPy."""

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20270)


def case(n, m, d, dv, **options):
    q, k, v = (rng.standard_normal(shape) for shape in ((n, d), (m, d), (m, dv)))
    dy = rng.standard_normal((n, dv))
    tensors = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    mask = options.get("mask")
    allowed = torch.ones(n, m, dtype=torch.bool) if mask is None else torch.tensor(mask, dtype=torch.bool)
    if options.get("causal"):
        allowed = allowed & torch.tril(torch.ones(n, m, dtype=torch.bool), diagonal=m - n)
    y = F.scaled_dot_product_attention(*(t[None] for t in tensors), attn_mask=allowed[None], scale=options.get("scale"))[0]
    gradients = torch.autograd.grad(y, tensors, torch.tensor(dy))
    return {
        "q": q, "k": k, "v": v, "dOutput": dy, "options": options, "output": y.detach().numpy(),
        "dQ": gradients[0].numpy(), "dK": gradients[1].numpy(), "dV": gradients[2].numpy(),
    }


mask = (rng.random((4, 6)) < 0.6).astype(int)
mask[:, 2] = 1
q, w, dk = rng.standard_normal(3), rng.standard_normal((3, 5)), 5
keys, values = rng.standard_normal((6, dk)), rng.standard_normal((6, 2))
wq, wk, v = rng.standard_normal((4, 3)), rng.standard_normal((4, dk)), rng.standard_normal(4)
additive = torch.softmax(torch.tensor(np.tanh(wq @ q + keys @ wk.T) @ v), 0).numpy() @ values
multiplicative = torch.softmax(torch.tensor(keys @ (w.T @ q)), 0).numpy() @ values
# Conventions that the note states: is_causal starts at the first key, and a row without keys gives zeros.
own = np.random.default_rng(1)
x = [torch.tensor(own.standard_normal(shape)) for shape in ((1, 2, 4), (1, 3, 4), (1, 3, 2))]
assert torch.allclose(F.scaled_dot_product_attention(*x, is_causal=True)[0, 0], x[2][0, 0])
none = torch.tensor([[[True, True, True], [False, False, False]]])
assert (F.scaled_dot_product_attention(*x, attn_mask=none)[0, 1] == 0).all()
emit(
    ["numpy", "torch"],
    cases=[case(4, 6, 3, 5), case(5, 5, 4, 2, causal=True), case(3, 7, 2, 4, causal=True), case(4, 6, 3, 2, mask=mask), case(2, 3, 4, 1, scale=0.9)],
    scores={"q": q, "keys": keys, "values": values, "W": w, "Wq": wq, "Wk": wk, "v": v, "additive": additive, "multiplicative": multiplicative},
)
