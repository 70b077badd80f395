"""Momentum by PyTorch's SGD and scikit-learn's; roots, Lyapunov equation and the best coefficients by NumPy and SciPy; FISTA by NumPy."""

import numpy as np
import torch
from oracle import emit
from scipy import linalg, optimize
from sklearn.neural_network import MLPClassifier
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20266)


def torch_runs():
    """Two parameters of different sizes, gradients that are given, a rate that changes in the middle."""
    settings = [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.8, "dampening": 0.3},
        {"momentum": 0.7, "dampening": 1.0},
        {"momentum": 0.9, "weight_decay": 0.05},
        {"momentum": 0.6, "nesterov": True, "weight_decay": 0.2},
    ]
    steps = 7
    for setting in settings:
        start = [rng.standard_normal(3), rng.standard_normal(2)]
        gradients = [[rng.standard_normal(3), rng.standard_normal(2)] for _ in range(steps)]
        lrs = [0.3] * 4 + [0.03] * 3
        result = {"options": setting, "start": start, "gradients": gradients, "lrs": lrs}
        for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
            parameters = [torch.tensor(p, dtype=dtype, requires_grad=True) for p in start]
            optimizer = torch.optim.SGD(parameters, lr=1.0, **setting)
            for lr, gs in zip(lrs, gradients):
                optimizer.param_groups[0]["lr"] = lr
                for p, g in zip(parameters, gs):
                    p.grad = torch.tensor(g, dtype=dtype)
                optimizer.step()
            result[name] = [p.detach().numpy().astype(float) for p in parameters]
        yield result


def rosenbrock_path(nesterov):
    x = torch.tensor([-1.2, 1.0], requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=5e-4, momentum=0.9, nesterov=nesterov)
    for _ in range(200):
        optimizer.zero_grad()
        ((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2).backward()
        optimizer.step()
    return {"nesterov": nesterov, "end": x.detach().numpy()}


def iteration(h, beta, nesterov):
    """State (x, ηv) after a step without noise, and what a unit of gradient noise, times η, adds to it."""
    v = np.array([h, beta])  # ηv' = βηv + ηλx
    move = np.array([h, 0.0]) + beta * v if nesterov else v
    A = np.array([[1.0, 0.0] - move, v])
    noise = np.array([-(1 + beta) if nesterov else -1.0, 1.0])
    return A, noise


SETTINGS = [
    (0.1, 0.9), (0.001, 0.9), (1.0, 0.5), (1.9, 0.0), (2.5, 0.0), (3.7, 0.9),
    (3.85, 0.9), (1.3, 0.9), (1.4, 0.9), (-0.1, 0.6), (0.0, 0.3), (1.0, 0.3),
]  # fmt: skip


def spectra():
    for nesterov in (False, True):
        for h, beta in SETTINGS:
            A, noise = iteration(h, beta, nesterov)
            roots = np.linalg.eigvals(A)
            result = {"h": h, "beta": beta, "nesterov": nesterov, "radius": max(abs(roots))}
            result |= {"sum": np.trace(A), "product": np.linalg.det(A)}
            if max(abs(roots)) < 1 - 1e-6 and h > 0:
                lr, curvature, sigma2 = 0.25, h / 0.25, 1.7
                result["variance"] = linalg.solve_discrete_lyapunov(A, lr**2 * sigma2 * np.outer(noise, noise))[0, 0]
            yield result


def best_coefficients():
    """The smallest worst-case radius over the two end curvatures, by search from several starts."""
    for mu, L in [(1.0, 10.0), (0.5, 40.0)]:
        def worst(p):
            lr, beta = np.exp(p[0]), 1 / (1 + np.exp(-p[1]))
            return max(max(abs(np.linalg.eigvals(iteration(lr * c, beta, False)[0]))) for c in (mu, np.sqrt(mu * L), L))

        how = {"method": "Nelder-Mead", "options": {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}}
        runs = [optimize.minimize(worst, [a, b], **how) for a in (-3, -1) for b in (-1, 1)]
        yield {"mu": mu, "L": L, "rate": min(run.fun for run in runs)}


def cycle(alpha=1 / 9, beta=4 / 9):
    """The 3-cycle p → q → r with p ≥ 2 and q, r < 1, from its linear equations: slopes 25, offset −24 at p."""
    A, b = np.zeros((3, 3)), np.zeros(3)
    for row, (now, before, after) in enumerate([(0, 2, 1), (1, 0, 2), (2, 1, 0)]):
        A[row, after] += 1
        A[row, now] -= 1 + beta - 25 * alpha
        A[row, before] += beta
        if now == 0:
            b[row] = 24 * alpha
    return np.linalg.solve(A, b)


def chain(n=201, steps=100):
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    e = np.zeros(n)
    e[0] = 1
    solution = np.linalg.solve(A, e)
    f = lambda x: x @ A @ x / 2 - x[0] + solution[0] / 2  # noqa: E731
    x, z, gd = np.zeros(n), np.zeros(n), np.zeros(n)
    theta = 1.0  # Tseng's form of the same method: two sequences and a convex combination
    gaps = []
    for _ in range(steps):
        y = (1 - theta) * x + theta * z
        g = A @ y - e
        z = z - g / (4 * theta)
        x = y - g / 4
        theta = theta * (np.sqrt(theta**2 + 4) - theta) / 2
        gd = gd - (A @ gd - e) / 4
        gaps.append(f(x))
    result = {"n": n, "largestCurvature": np.linalg.eigvalsh(A)[-1], "solution": solution}
    return result | {"minimum": -solution[0] / 2, "gaps": gaps, "gradientDescent": f(gd)}


def sklearn_runs():
    """The optimizer of MLPClassifier on given gradients; the rate drops in the middle."""
    assert MLPClassifier().nesterovs_momentum and MLPClassifier().momentum == 0.9
    for nesterov in (False, True):
        start = [rng.standard_normal(3), rng.standard_normal(2)]
        gradients = [[rng.standard_normal(3), rng.standard_normal(2)] for _ in range(7)]
        lrs = [0.3] * 4 + [0.03] * 3
        end = [p.copy() for p in start]
        optimizer = SGDOptimizer(end, momentum=0.9, nesterov=nesterov)
        for lr, gs in zip(lrs, gradients):
            optimizer.learning_rate = lr
            optimizer.update_params(end, gs)
        yield {"nesterov": nesterov, "start": start, "gradients": gradients, "lrs": lrs, "end": end}


emit(
    ["numpy", "scipy", "torch", "scikit-learn"],
    torch=list(torch_runs()),
    sklearn=list(sklearn_runs()),
    rosenbrock=[rosenbrock_path(False), rosenbrock_path(True)],
    spectra=list(spectra()),
    bestCoefficients=list(best_coefficients()),
    cycle=cycle(),
    chain=chain(),
)
