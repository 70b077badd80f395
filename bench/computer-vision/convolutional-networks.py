import numpy as np
import torch
from native import native, read, title
from torch.nn import functional as F

torch.set_num_threads(1)


def floats(name, shape=(-1,)):
    return torch.tensor(read(name, shape), dtype=torch.float32)


def steps():
    """Losses of three steps of Adam."""
    x = floats("images", (32, 1, 28, 28))
    labels = torch.tensor(read("labels", dtype=np.int32), dtype=torch.int64)
    flat, parameters, at = floats("weights"), [], 0
    for shape in [(5, 5, 1, 8), (8,), (3, 3, 8, 16), (16,), (3, 3, 16, 16), (16,), (784, 10), (10,)]:
        size = int(np.prod(shape))
        p = flat[at : at + size].reshape(shape)
        p = p.permute(3, 2, 0, 1) if len(shape) == 4 else p
        parameters.append(p.contiguous().clone().requires_grad_())
        at += size
    (w1, b1, w2, b2, w3, b3, w4, b4) = parameters
    adam = torch.optim.Adam(parameters, lr=0.003)

    def step():
        h = F.relu(F.conv2d(x, w1, b1, stride=2, padding=2))
        h = F.relu(F.conv2d(h, w2, b2, stride=2, padding=1))
        h = F.relu(F.conv2d(h, w3, b3, padding=1))
        loss = F.cross_entropy(h.permute(0, 2, 3, 1).reshape(32, -1) @ w4 + b4, labels)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return [step() for _ in range(3)]


version = f"torch {torch.__version__.split('+')[0]}"
if title.startswith("three"):
    native(version, steps)
else:
    x = floats("x", (2, 28, 28, 32)).permute(0, 3, 1, 2).contiguous().requires_grad_()
    w = floats("w", (3, 3, 32, 64)).permute(3, 2, 0, 1).contiguous().requires_grad_()
    dy = floats("dy", (2, 28, 28, 64)).permute(0, 3, 1, 2).contiguous()
    native(
        version,
        lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), [x, w], dy),
        lambda g: np.concatenate([g[0].permute(0, 2, 3, 1).reshape(-1), g[1].permute(2, 3, 1, 0).reshape(-1)]),
    )
