"""Values and slopes of the activations by PyTorch, Gaussian moments by SciPy's quadrature, extrema by SciPy, erf by mpmath."""

import itertools

import mpmath
import numpy as np
import torch
from oracle import emit
from scipy import integrate, optimize, special
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
FUNCTIONS = {
    "relu": F.relu,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda x: F.softplus(x, threshold=40),  # by default it is x from 20 on, off by 2e-9
    "gelu": F.gelu,
    "geluTanh": lambda x: F.gelu(x, approximate="tanh"),
    "quickGelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu": F.silu,
    "mish": F.mish,
}
VARIANCES = (0.0001, 0.01, 1, 2.25, 100, 10000)
points = np.array([-1000.0, -40.0, -8.5, -3.0, -1.3, -0.75, -0.1, -1e-8, 0.0, 1e-8, 0.2, 0.9, 1.7, 4.0, 9.0, 35.0, 1000.0])


def values(f):
    x = torch.tensor(points, requires_grad=True)
    y = f(x)
    return {"f": y.detach().numpy(), "df": torch.autograd.grad(y.sum(), x)[0].numpy()}


def moments(f, variance):
    """E f, E f², E f′² under N(0, variance)."""
    s = np.sqrt(variance)

    def integrand(z):
        x = torch.tensor(float(s * z), requires_grad=True)
        y = f(x)
        d = torch.autograd.grad(y, x)[0].item()
        return np.array([y.item(), y.item() ** 2, d * d]) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

    ends = (-14, -3, -0.3, -0.03, -0.003, 0, 0.003, 0.03, 0.3, 3, 14)
    parts = [integrate.quad_vec(integrand, a, b, epsabs=1e-17, epsrel=1e-13)[0] for a, b in itertools.pairwise(ends)]
    return dict(zip(("mean", "second", "slopeSecond"), np.sum(parts, axis=0)))


def gated():
    rng = np.random.default_rng(20269)
    x, gate, up, down = (rng.standard_normal(shape) for shape in ((5, 3), (3, 4), (3, 4), (4, 2)))
    t = [torch.tensor(a) for a in (x, gate, up, down)]
    kinds = {"glu": torch.sigmoid, "reglu": F.relu, "geglu": F.gelu, "swiglu": F.silu}
    outputs = {kind: ((f(t[0] @ t[1]) * (t[0] @ t[2])) @ t[3]).numpy() for kind, f in kinds.items()}
    return {"x": x, "gate": gate, "up": up, "down": down, "outputs": outputs}


minimum = optimize.minimize_scalar(lambda x: x * special.ndtr(x), bounds=(-2, 0), method="bounded", options={"xatol": 1e-12})
silu = optimize.minimize_scalar(lambda x: x * special.expit(x), bounds=(-3, 0), method="bounded", options={"xatol": 1e-12})
erf_points = np.concatenate([np.linspace(0, 6.5, 261), [1e-300, 1e-10, 0.0078125, 5.9999]])
emit(
    ["numpy", "scipy", "torch", "mpmath"],
    points=points,
    values={name: values(f) for name, f in FUNCTIONS.items()},
    moments={name: {str(v): moments(f, v) for v in VARIANCES} for name, f in FUNCTIONS.items()},
    gated=gated(),
    erf={"x": erf_points, "y": [float(mpmath.erf(mpmath.mpf(float(x)))) for x in erf_points]},
    minima={"gelu": [minimum.x, minimum.fun], "silu": [silu.x, silu.fun], "lambertW": float(special.lambertw(np.exp(-1)).real)},
    torchTanhGain=torch.nn.init.calculate_gain("tanh"),
)
