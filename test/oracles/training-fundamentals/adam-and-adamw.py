"""Adam, AdamW, AMSGrad, Adafactor's factors and Muon by PyTorch in float64; scikit-learn's Adam; ε elsewhere, Lion and the quintic by NumPy."""

import numpy as np
import torch
from oracle import emit
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

torch.set_num_threads(1)
rng = np.random.default_rng(20263)
CURVATURES = np.array([1.0, 10.0, 0.1])
START = np.array([1.0, -2.0, 0.5])


def gradient(theta, t):
    """Quadratic with a disturbance, so that the averages never settle; t = 0, 1, …"""
    return CURVATURES * theta + np.cos(0.7 * t * np.arange(1, 4))


def run(make, steps=100, schedule=None):
    theta = torch.tensor(START, requires_grad=True)
    optimizer = make([theta])
    scheduler = schedule and torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    path = []
    for t in range(steps):
        theta.grad = torch.tensor(gradient(theta.detach().numpy(), t))
        optimizer.step()
        if scheduler:
            scheduler.step()
        if t % 9 == 0:  # t = 0, 9, …, 99
            path.append(theta.detach().numpy().copy())
    return path


def by_torch():
    optim = torch.optim
    cases = [
        ("AdamW", optim.AdamW, {"lr": 0.05}),
        ("AdamW", optim.AdamW, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3}),
        ("AdamW", optim.AdamW, {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.9)}),
        ("AdamW", optim.AdamW, {"lr": 0.05, "weight_decay": 0.0, "betas": (0.0, 0.99)}),
        ("Adam", optim.Adam, {"lr": 0.05}),
        ("Adam", optim.Adam, {"lr": 0.05, "weight_decay": 0.5, "eps": 0.1}),
        ("Adam", optim.Adam, {"lr": 0.1, "weight_decay": 0.2, "amsgrad": True, "betas": (0.7, 0.8)}),
    ]
    for name, kind, options in cases:
        yield {"optimizer": name, "options": options, "path": run(lambda p: kind(p, **options))}


def scheduled():
    return run(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1), schedule=lambda t: 1 / (1 + t))


def by_sklearn(steps=100):
    """The Adam of MLPClassifier, whose default ε is 1e-8."""
    assert AdamOptimizer([START]).epsilon == 1e-8
    theta, path = START.copy(), []
    optimizer = AdamOptimizer([theta], learning_rate_init=0.05, beta_1=0.9, beta_2=0.99, epsilon=0.01)
    for t in range(steps):
        optimizer.update_params([theta], [gradient(theta, t)])
        if t % 9 == 0:
            path.append(theta.copy())
    return path


def forms(steps=60):
    """ε beside the uncorrected root; ε inside the root; no bias correction."""
    result = {}
    lr, b1, b2, eps = 0.05, 0.9, 0.99, 0.01
    for form in ("uncorrected", "inside", "no bias correction"):
        theta, m, v = START.copy(), np.zeros(3), np.zeros(3)
        for t in range(steps):
            g = gradient(theta, t)
            m += (1 - b1) * (g - m)
            v += (1 - b2) * (g**2 - v)
            c1, c2 = 1 - b1 ** (t + 1), 1 - b2 ** (t + 1)
            if form == "uncorrected":
                theta = theta - lr * np.sqrt(c2) / c1 * m / (np.sqrt(v) + eps)
            elif form == "inside":
                theta = theta - lr * (m / c1) / np.sqrt(v / c2 + eps)
            else:
                theta = theta - lr * m / (np.sqrt(v) + eps)
        result[form] = theta
    return {"lr": lr, "betas": [b1, b2], "eps": eps, "steps": steps, "theta": result}


def lion(steps=100):
    lr, b1, b2, decay = 0.01, 0.9, 0.99, 0.2
    theta, m, path = START.copy(), np.zeros(3), []
    for t in range(steps):
        g = gradient(theta, t)
        theta = theta * (1 - lr * decay) - lr * np.sign(m + (1 - b1) * (g - m))
        m = m + (1 - b2) * (g - m)
        if t % 9 == 0:
            path.append(theta)
    return {"lr": lr, "betas": [b1, b2], "weightDecay": decay, "path": path}


def adafactor():
    """After one step torch keeps the means of the rows and columns of the squared gradient."""
    g = rng.standard_normal((5, 3))
    weights = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adafactor([weights], lr=0.1)
    weights.grad = torch.tensor(g)
    optimizer.step()
    state = optimizer.state[weights]
    row, column = state["row_var"].numpy(), state["col_var"].numpy()
    return {
        "squares": g**2,
        "rowMeans": row.ravel(),
        "columnMeans": column.ravel(),
        "estimate": row @ column / row.mean(axis=-2, keepdims=True),
    }


def quintic(x, rounds=5, coefficients=(3.4445, -4.7750, 2.0315)):
    a, b, c = coefficients
    for _ in range(rounds):
        x = a * x + b * x**3 + c * x**5
    return x


def newton_schulz():
    """By the singular values: U p(S/‖G‖) Vᵀ."""
    for shape in ((4, 7), (6, 3), (5, 5), (1, 4)):
        G = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4)
        u, s, vt = np.linalg.svd(G, full_matrices=False)
        yield {"G": G, "result": (u * quintic(s / np.linalg.norm(G))) @ vt}


def band():
    values = quintic(np.exp(np.linspace(np.log(0.003), 0, 2_000_001)))
    return {"smallest": values.min(), "largest": values.max()}


def muon(steps=3):
    """torch's Muon multiplies in bfloat16: three digits."""
    result = {"steps": steps, "lr": 0.1, "momentum": 0.9, "weightDecay": 0.5, "runs": []}
    for shape in ((3, 5), (6, 2)):
        W, gradients = rng.standard_normal(shape), rng.standard_normal((steps, *shape))
        for nesterov in (True, False):
            weights = torch.tensor(W, requires_grad=True)
            optimizer = torch.optim.Muon([weights], lr=0.1, momentum=0.9, weight_decay=0.5, nesterov=nesterov)
            for g in gradients:
                weights.grad = torch.tensor(g)
                optimizer.step()
            end = weights.detach().numpy().copy()
            result["runs"].append({"W": W, "gradients": gradients, "nesterov": nesterov, "end": end})
    return result


def worst_case(b1=0.9, b2=0.999):
    """Largest |m̂|/√v̂ over all gradients of T steps, by Cauchy and Schwarz."""
    result = {}
    for steps in (1, 12, 100, 1000, 20_000):
        k = np.arange(steps)
        weights = np.sum((b1**2 / b2) ** k)
        result[str(steps)] = (1 - b1) / np.sqrt(1 - b2) * np.sqrt(weights) * np.sqrt(1 - b2**steps) / (1 - b1**steps)
    return result


emit(
    ["numpy", "torch", "scikit-learn"],
    torch=list(by_torch()),
    scheduled=scheduled(),
    sklearn=by_sklearn(),
    forms=forms(),
    lion=lion(),
    adafactor=adafactor(),
    newtonSchulz=list(newton_schulz()),
    band=band(),
    muon=muon(),
    worstCase=worst_case(),
)
