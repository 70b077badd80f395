"""unfold, fold, conv2d and its gradients by PyTorch in float64, for many windows; scipy.signal for one of them."""

import itertools

import numpy as np
import torch
from oracle import emit
from scipy import signal
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20268)


def nchw(x):
    return torch.tensor(x).permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous().detach().numpy().ravel()


def case(kernel, stride, padding, dilation, groups):
    """Images 2×7×9×4, filters kernel×kernel×(4/groups)×4."""
    x = np.round(rng.standard_normal((2, 7, 9, 4)), 3)
    w = np.round(rng.standard_normal((kernel, kernel, 4 // groups, 4)), 3)
    images = nchw(x).requires_grad_()
    filters = torch.tensor(w).permute(3, 2, 0, 1).requires_grad_()
    y = F.conv2d(images, filters, stride=stride, padding=padding, dilation=dilation, groups=groups)
    dy = torch.tensor(np.round(rng.standard_normal(tuple(y.shape)), 3))
    dx, dw = torch.autograd.grad(y, (images, filters), dy)
    return {
        "options": {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
        "kernel": kernel,
        "x": x.ravel(),
        "w": w.ravel(),
        "shape": [y.shape[0], y.shape[2], y.shape[3], y.shape[1]],
        "y": nhwc(y),
        "dy": nhwc(dy),
        "dx": nhwc(dx),
        "dw": dw.permute(2, 3, 1, 0).numpy().ravel(),
        "db": dy.sum((0, 2, 3)).numpy(),
    }


def cases():
    """Every kernel and stride, with paddings and dilations in turn."""
    for kernel, stride in itertools.product((1, 2, 3, 4, 5), (1, 2, 3)):
        padding, dilation = (2 * kernel + stride) % 3, 1 + (kernel + stride) % 2
        if dilation * (kernel - 1) + 1 > 7 + 2 * padding:
            dilation = 1
        groups = (1, 2, 4)[(kernel + stride + padding + dilation) % 3]
        yield case(kernel, stride, padding, dilation, groups)


def unfolded():
    x = np.round(rng.standard_normal((2, 5, 6, 3)), 3)
    options = {"stride": 2, "padding": 1, "dilation": 2}
    columns = F.unfold(nchw(x), 2, **options)  # N × (C·kh·kw) × L
    back = F.fold(columns, (5, 6), 2, **options)
    return {"x": x.ravel(), "options": options, "columns": columns.transpose(1, 2).reshape(-1, 12).numpy(), "folded": nhwc(back)}


def same():
    """padding='same' with an even kernel, where PyTorch has to choose a side."""
    x, w = np.round(rng.standard_normal((1, 5, 6, 2)), 3), np.round(rng.standard_normal((4, 4, 2, 3)), 3)
    y = F.conv2d(nchw(x), torch.tensor(w).permute(3, 2, 0, 1), padding="same")
    return {"x": x.ravel(), "w": w.ravel(), "y": nhwc(y)}


image, kernel = rng.standard_normal((6, 8)), rng.standard_normal((3, 3))
emit(
    ["numpy", "scipy", "torch"],
    cases=list(cases()),
    unfold=unfolded(),
    same=same(),
    scipy={
        "image": image,
        "kernel": kernel,
        "correlate2d": signal.correlate2d(image, kernel, "valid"),
        "convolve2d": signal.convolve2d(image, kernel[::-1, ::-1], "valid"),
    },
)
