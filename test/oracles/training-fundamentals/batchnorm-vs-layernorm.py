"""Batch, layer, group, instance and RMS norm by PyTorch in float64: forward, backward, running statistics, tables and images."""

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20274)
EPS = 1e-3


def to_rows(a):
    """N×C×H×W → N×H×W×C; tables stay."""
    return a if a.ndim == 2 else a.transpose(0, 2, 3, 1)


def case(norm, shape, f, affine=("gamma", "beta"), **extra):
    """y and the gradients of Σ y·dy; channels are axis 1 here and last in the fixture."""
    C = shape[1]
    x, dy = rng.standard_normal(shape) * 3 + 1, rng.standard_normal(shape)
    given = {name: rng.standard_normal(C) for name in affine}
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *given.values())]
    y = f(*tensors)
    gradients = [g.numpy() for g in torch.autograd.grad(y, tensors, torch.tensor(dy))]
    return {
        "norm": norm,
        "shape": list(to_rows(x).shape),
        **{name: to_rows(a).ravel() for name, a in (("x", x), ("dy", dy), ("y", y.detach().numpy()), ("dx", gradients[0]))},
        **given,
        **dict(zip(("dgamma", "dbeta"), gradients[1:])),
        **extra,
    }


def by_channel(v, like):
    return v.reshape(1, -1, *[1] * (like.ndim - 2))


def cases():
    for shape in ((5, 4), (3, 6, 1, 3)):
        C = shape[1]
        mean, variance = rng.standard_normal(C), rng.random(C) + 0.5
        yield case("batch", shape, lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=EPS))
        yield case(
            "evaluation",
            shape,
            lambda x, g, b: F.batch_norm(x, torch.tensor(mean), torch.tensor(variance), g, b, training=False, eps=EPS),
            runningMean=mean,
            runningVar=variance,
        )
        yield case("group", shape, lambda x, g, b: F.group_norm(x, 2, g, b, eps=EPS), groups=2)
        yield case("layer", shape, lambda x, g, b: F.group_norm(x, 1, g, b, eps=EPS))
        yield case(
            "layer",
            shape,
            lambda x, g, b: by_channel(g, x) * F.layer_norm(x, x.shape[1:], eps=EPS) + by_channel(b, x),
        )
        yield case("RMS", shape, lambda x, g: by_channel(g, x) * F.rms_norm(x, x.shape[1:], eps=EPS), affine=("gamma",))
    yield case("group", (3, 6, 1, 3), lambda x, g, b: F.instance_norm(x, None, None, g, b, eps=EPS), groups=6)
    yield case("batch", (2, 3), lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=EPS))


def running(module, *shape, **options):
    norm = module(shape[1], eps=EPS, **options)
    batches = [rng.standard_normal(shape) * 2 + 1 for _ in range(3)]
    for batch in batches:
        norm(torch.tensor(batch))
    return {
        "shape": list(to_rows(batches[0]).shape),
        "momentum": norm.momentum,
        "batches": [to_rows(batch).ravel() for batch in batches],
        "mean": norm.running_mean.numpy(),
        "var": norm.running_var.numpy(),
    }


def single():
    try:
        torch.nn.BatchNorm1d(3)(torch.zeros(1, 3))
    except ValueError as error:
        return f"ValueError: {error}"


emit(
    ["numpy", "torch"],
    eps=EPS,
    cases=list(cases()),
    running=[
        running(torch.nn.BatchNorm1d, 4, 3),
        running(torch.nn.BatchNorm1d, 2, 5, momentum=0.3),
        running(torch.nn.BatchNorm2d, 2, 3, 2, 4),
    ],
    single=single(),
    affineOfImages={
        "LayerNorm": list(torch.nn.LayerNorm([3, 2, 4]).weight.shape),
        "GroupNorm": list(torch.nn.GroupNorm(1, 3).weight.shape),
    },
    defaults={
        "BatchNorm1d": {"eps": torch.nn.BatchNorm1d(2).eps, "momentum": torch.nn.BatchNorm1d(2).momentum},
        "LayerNorm": {"eps": torch.nn.LayerNorm(2).eps},
        "GroupNorm": {"eps": torch.nn.GroupNorm(1, 2).eps},
    },
)
