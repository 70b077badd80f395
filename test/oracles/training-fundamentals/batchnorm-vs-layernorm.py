"""BatchNorm1d and 2d, LayerNorm, GroupNorm and rms_norm by PyTorch in float64, forward, backward and running statistics."""

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20274)


def case(n, d, f, bias=True):
    x, dy = rng.standard_normal((n, d)) * 3 + 1, rng.standard_normal((n, d))
    gamma, beta = rng.standard_normal(d), rng.standard_normal(d)
    t = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
    y = f(*t)
    used = t if bias else t[:2]
    g = torch.autograd.grad(y, used, torch.tensor(dy))
    result = {"x": x, "dy": dy, "gamma": gamma, "beta": beta, "y": y.detach().numpy(), "dx": g[0].numpy(), "dgamma": g[1].numpy()}
    if bias:
        result["dbeta"] = g[2].numpy()
    return result


def images():
    """N×C×H×W, and the same as rows of pixels by channels."""
    x = rng.standard_normal((2, 3, 2, 2))
    y = F.batch_norm(torch.tensor(x), None, None, training=True)
    rows = lambda a: np.asarray(a).transpose(0, 2, 3, 1).reshape(-1, 3)  # noqa: E731
    return {"x": rows(x), "y": rows(y)}


running = torch.nn.BatchNorm1d(3, momentum=0.3)
batches = [rng.standard_normal((4, 3)) * 2 + 1 for _ in range(3)]
for batch in batches:
    running(torch.tensor(batch))
mean, variance = rng.standard_normal(4), rng.random(4) + 0.5
emit(
    ["numpy", "torch"],
    batch=case(5, 4, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=1e-3)),
    evaluation={
        **case(5, 4, lambda x, g, b: F.batch_norm(x, torch.tensor(mean), torch.tensor(variance), g, b, training=False)),
        "runningMean": mean,
        "runningVar": variance,
    },
    layer=case(3, 6, lambda x, g, b: F.layer_norm(x, (6,), g, b)),
    group=case(3, 6, lambda x, g, b: F.group_norm(x, 3, g, b)),
    rms=case(4, 5, lambda x, g, b: F.rms_norm(x, (5,), g, eps=1e-5), bias=False),
    running={"batches": batches, "mean": running.running_mean.numpy(), "var": running.running_var.numpy()},
    images=images(),
)
