"""conv2d, conv_transpose2d, pooling and a small network by PyTorch in float64; correlate2d and convolve2d by SciPy."""

import itertools

import numpy as np
import torch
from oracle import emit, photograph
from scipy import ndimage, signal
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20269)


def nchw(x):
    return torch.tensor(x).permute(0, 3, 1, 2)


def nhwc(x):
    return x.permute(0, 2, 3, 1).contiguous().detach().numpy().ravel()


def draw(*shape):
    return np.round(rng.standard_normal(shape), 2)


X = draw(2, 9, 11, 4)
FILTERS = {(k, g): draw(k, k, 4 // g, 8) for k in range(1, 6) for g in (1, 2, 4)}


def convolutions():
    """Kernels 1-5, strides 1-3, paddings 0-2, dilations 1-2, groups 1, 2, 4: sums with fixed weights, whole outputs for some."""
    for k, stride, padding, dilation, groups in itertools.product(range(1, 6), (1, 2, 3), (0, 1, 2), (1, 2), (1, 2, 4)):
        weights = torch.tensor(FILTERS[k, groups]).permute(3, 2, 0, 1)
        y = F.conv2d(nchw(X), weights, stride=stride, padding=padding, dilation=dilation, groups=groups)
        flat = nhwc(y)
        # Three sums, with weights that tell positions apart, stand for the numbers; the shape is told in full.
        angles = np.arange(flat.size)
        yield [
            [k, stride, padding, dilation, groups],
            [y.shape[0], y.shape[2], y.shape[3], y.shape[1]],
            [flat.sum(), flat @ np.cos(angles), flat @ np.cos(0.37 * angles + 1)],
        ]


def circular():
    for k, stride, dilation in [(3, 1, 1), (5, 2, 1), (3, 2, 2), (3, 3, 1), (2, 1, 1), (4, 2, 1)]:
        w = FILTERS[k, 1]
        reach = dilation * (k - 1)
        padded = F.pad(nchw(X), (reach // 2, reach - reach // 2, reach // 2, reach - reach // 2), mode="circular")
        y = F.conv2d(padded, torch.tensor(w).permute(3, 2, 0, 1), stride=stride, dilation=dilation)
        yield {"options": {"stride": stride, "dilation": dilation}, "kernel": k, "y": nhwc(y)}


def transposes():
    for k, stride, padding, dilation, groups in [(3, 2, 1, 1, 1), (2, 3, 0, 1, 1), (4, 1, 2, 1, 2), (3, 2, 0, 2, 4), (5, 3, 1, 1, 1)]:
        w = draw(k, k, 4 // groups, 8)
        y = draw(2, 3, 4, 8)
        # conv_transpose2d wants filters (in, out/groups, kh, kw); its in is the F of the convolution whose adjoint it is
        weights = torch.tensor(w).permute(3, 2, 0, 1)
        x = F.conv_transpose2d(nchw(y), weights, stride=stride, padding=padding, dilation=dilation, groups=groups)
        yield {
            "options": {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
            "w": w.ravel(),
            "filterShape": w.shape,
            "y": y.ravel(),
            "shape": [x.shape[0], x.shape[2], x.shape[3], x.shape[1]],
            "x": nhwc(x),
        }


def pools():
    for kernel, stride, padding in [(2, 2, 0), (3, 2, 1), (3, 1, 0), (4, 3, 2)]:
        yield {
            "kernel": kernel,
            "options": {"stride": stride, "padding": padding},
            "max": nhwc(F.max_pool2d(nchw(X), kernel, stride, padding)),
            "mean": nhwc(F.avg_pool2d(nchw(X), kernel, stride, padding, count_include_pad=False)),
        }


def same():
    """PyTorch's padding 'same', kernels of 2×2 and 4×4: on which side is the odd zero?"""
    return [
        {"kernel": k, "y": nhwc(F.conv2d(nchw(X), torch.tensor(FILTERS[k, 1]).permute(3, 2, 0, 1), padding="same"))}
        for k in (2, 4)
    ]


def padding_counted():
    """The corner of PyTorch's default average pooling: zeros of the padding count as members."""
    return F.avg_pool2d(torch.ones(1, 1, 4, 4), 3, 2, 1)[0, 0, 0, 0].item()


def network():
    """Logits of a net with stride, groups, max pooling and two dense layers."""
    images, labels = draw(3, 9, 8, 2), np.array([7, 0, 3])
    shapes = [(3, 3, 2, 4), (2, 2, 2, 6)]
    convolutions = [(draw(*s), draw(s[3])) for s in shapes]
    features = 2 * 2 * 6
    dense = [(draw(features, 5), draw(5)), (draw(5, 10), draw(10))]
    parameters = [torch.tensor(a) for pair in [*convolutions, *dense] for a in pair]
    (w1, b1, w2, b2, w3, b3, w4, b4) = parameters
    h = F.relu(F.conv2d(nchw(images), w1.permute(3, 2, 0, 1), b1, padding=1))
    h = F.max_pool2d(h, 2)
    h = F.relu(F.conv2d(h, w2.permute(3, 2, 0, 1), b2, stride=2, groups=2))
    h = h.permute(0, 2, 3, 1).reshape(3, -1)
    logits = F.relu(h @ w3 + b3) @ w4 + b4
    global_max = F.max_pool2d(nchw(X), (9, 11)).reshape(2, -1).numpy()
    return {
        "images": images.ravel(),
        "labels": labels,
        "parameters": [p.numpy().ravel() for p in parameters],
        "shapes": [list(p.shape) for p in parameters],
        "logits": logits.numpy(),
        "globalMax": global_max,
    }


def scipy_signal():
    image, kernel = draw(7, 9), draw(3, 4)
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    photo = photograph("grey-photograph")[:40, :50]
    return {
        "image": image,
        "kernel": kernel,
        "correlate2d": signal.correlate2d(image, kernel, mode="valid"),
        "convolve2dTurned": signal.convolve2d(image, kernel[::-1, ::-1], mode="valid"),
        "sobelX": signal.correlate2d(photo, sobel, mode="valid").sum(axis=0),
        "sobelY": ndimage.sobel(photo, axis=0, mode="constant")[1:-1, 1:-1].sum(axis=0),
        "gaussian": ndimage.gaussian_filter(photo, 2, truncate=3, mode="wrap").sum(axis=0),
        "laplacian": ndimage.laplace(photo, mode="wrap").sum(axis=0),
    }


emit(
    ["numpy", "scipy", "torch"],
    x=X.ravel(),
    filters=[{"kernel": k, "groups": g, "w": w.ravel()} for (k, g), w in FILTERS.items()],
    convolutions=list(convolutions()),
    circular=list(circular()),
    transposes=list(transposes()),
    pools=list(pools()),
    paddingCounted=padding_counted(),
    same=same(),
    network=network(),
    scipy=scipy_signal(),
)
