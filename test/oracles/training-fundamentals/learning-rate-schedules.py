"""Schedules and RAdam's rectifier by PyTorch; the noisy quadratic by NumPy, as a recursion of whole covariance matrices."""

import warnings

import numpy as np
import torch
from oracle import emit
from torch.optim import lr_scheduler as schedulers

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
warnings.filterwarnings("ignore", "To get the last learning rate")
warnings.filterwarnings("ignore", "The epoch parameter in")
rng = np.random.default_rng(20265)


def rates(make, peak, steps):
    """The rate that the optimizer has in each step: the scheduler is stepped after it, but not after the last."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = make(optimizer)
    result = []
    for t in range(steps):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t < steps - 1:
            scheduler.step()
    return np.array(result)


def warmup_then(W, make):
    """W steps up to the peak, then the given scheduler: (t + 1)/W is torch's LinearLR from 1/W over W − 1 steps."""
    return lambda o: schedulers.SequentialLR(
        o, [schedulers.LinearLR(o, 1 / W, 1.0, total_iters=W - 1), make(o)], milestones=[W]
    )


def case(kind, options, make):
    return {"kind": kind, "options": options, "rates": rates(make, options["peak"], options["totalSteps"])}


def schedule_cases():
    yield case("constant", {"peak": 0.3, "totalSteps": 7}, lambda o: schedulers.ConstantLR(o, factor=1.0))
    yield case("linear", {"peak": 0.4, "totalSteps": 13}, lambda o: schedulers.LinearLR(o, 1.0, 0.0, total_iters=13))
    yield case("cosine", {"peak": 0.4, "totalSteps": 13}, lambda o: schedulers.CosineAnnealingLR(o, T_max=13))
    yield case(
        "cosine",
        {"peak": 0.4, "totalSteps": 13, "minLr": 0.05},
        lambda o: schedulers.CosineAnnealingLR(o, T_max=13, eta_min=0.05),
    )
    yield case(
        "cosine",
        {"peak": 0.25, "totalSteps": 23, "warmupSteps": 6},
        warmup_then(6, lambda o: schedulers.CosineAnnealingLR(o, T_max=17)),
    )
    yield case(
        "linear",
        {"peak": 0.25, "totalSteps": 23, "warmupSteps": 6},
        warmup_then(6, lambda o: schedulers.LinearLR(o, 1.0, 0.0, total_iters=17)),
    )
    yield case(
        "polynomial",
        {"peak": 0.7, "totalSteps": 11, "power": 2.5},
        lambda o: schedulers.PolynomialLR(o, total_iters=11, power=2.5),
    )
    yield case(
        "step",
        {"peak": 0.7, "totalSteps": 12, "milestones": [3, 8, 9], "factor": 0.3},
        lambda o: schedulers.MultiStepLR(o, [3, 8, 9], gamma=0.3),
    )
    yield case(
        "step", {"peak": 0.1, "totalSteps": 21}, lambda o: schedulers.MultiStepLR(o, [21 // 2, 63 // 4], gamma=0.1)
    )
    yield case(
        "sgdr",
        {"peak": 0.7, "totalSteps": 40, "period": 5, "periodFactor": 2, "minLr": 0.1},
        lambda o: schedulers.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=0.1),
    )
    yield case(
        "sgdr",
        {"peak": 0.7, "totalSteps": 25, "period": 7, "periodFactor": 1},
        lambda o: schedulers.CosineAnnealingWarmRestarts(o, T_0=7),
    )
    for T, W in ((20, 6), (50, 15), (7, 2)):
        yield case(
            "one-cycle",
            {"peak": 0.9, "totalSteps": T, "warmupSteps": W},
            lambda o, T=T, W=W: schedulers.OneCycleLR(o, 0.9, total_steps=T, pct_start=W / T),
        )
    d, W = 512, 40  # Vaswani et al.: d^(-1/2)·min(s^(-1/2), s·W^(-3/2)), s = 1, 2, ...
    noam = lambda s: d**-0.5 * min(s**-0.5, s * W**-1.5)  # noqa: E731
    yield case(
        "inverse-sqrt",
        {"peak": (d * W) ** -0.5, "totalSteps": 200, "warmupSteps": W},
        lambda o: schedulers.LambdaLR(o, lambda t: noam(t + 1) / (d * W) ** -0.5),
    )


def expected_losses(curvatures, noise, x0, lrs):
    """½ tr(H·E[xxᵀ]) before the first step and after each, with the full second-moment matrix, in a rotated basis."""
    d = len(curvatures)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    H, N = Q @ np.diag(curvatures) @ Q.T, Q @ np.diag(noise) @ Q.T
    x = Q @ np.array(x0)
    M = np.outer(x, x)
    losses = [np.trace(H @ M) / 2]
    for lr in lrs:
        A = np.eye(d) - lr * H
        M = A @ M @ A.T + lr**2 * N
        losses.append(np.trace(H @ M) / 2)
    return np.array(losses)


def quadratics():
    problems = {
        "TWO_SCALE": ([1, 0.01], [1, 0.01], [1, 10]),
        "RIVER": ([1, 0.002], [1, 0], [1, np.sqrt(1000)]),
    }
    T, peak = 1000, 0.5
    plans = {
        "constant": lambda o: schedulers.ConstantLR(o, factor=1.0),
        "linear": lambda o: schedulers.LinearLR(o, 1.0, 0.0, total_iters=T),
        "cosine": lambda o: schedulers.CosineAnnealingLR(o, T_max=T),
        "cosine for 2T": lambda o: schedulers.CosineAnnealingLR(o, T_max=2 * T),
        "drop at 100": lambda o: schedulers.MultiStepLR(o, [100], gamma=1 / 20),
    }
    for problem, (curvatures, noise, x0) in problems.items():
        for plan, make in plans.items():
            losses = expected_losses(curvatures, noise, x0, rates(make, peak, T))
            yield {"problem": problem, "plan": plan, "at150": losses[150], "final": losses[-1], "mean": losses.mean()}


def random_quadratic():
    curvatures, noise, x0 = rng.uniform(0.1, 2, 4), rng.uniform(0, 3, 4), rng.standard_normal(4)
    lrs = rng.uniform(0, 0.9, 9)
    losses = expected_losses(curvatures, noise, x0, lrs)
    return {"curvatures": curvatures, "noise": noise, "x0": x0, "lrs": lrs, "losses": losses}


def radam_updates(beta2, steps):
    """Under the gradient 1 RAdam moves by its rectifier, or by 1 where it has none: bias-corrected m and v are 1."""
    x = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.RAdam([x], lr=1.0, betas=(0.9, beta2), eps=0.0)
    updates = []
    for _ in range(steps):
        before = x.item()
        x.grad = torch.ones(1)
        optimizer.step()
        updates.append(before - x.item())
    return {"beta2": beta2, "updates": updates}


def quartic(x0, warmup, steps=60):
    x = torch.tensor([x0], requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.3)
    scheduler = schedulers.LambdaLR(optimizer, lambda t: min(1.0, (t + 1) / warmup) if warmup else 1.0)
    path = [x0]
    for _ in range(steps):
        optimizer.zero_grad()
        (x**4 / 4 + x**2 / 2).sum().backward()
        optimizer.step()
        scheduler.step()
        path.append(x.item())
        if not abs(x.item()) < 1e3:
            break
    return {"x0": x0, "warmup": warmup, "path": path}


def hessian():
    a = rng.standard_normal((7, 5))
    h = a.T @ a / 7
    return {"matrix": h, "largest": np.linalg.eigvalsh(h)[-1]}


emit(
    ["numpy", "torch"],
    schedules=list(schedule_cases()),
    cosinePastItsEnd=rates(lambda o: schedulers.CosineAnnealingLR(o, T_max=5), 1.0, 9),
    quadratics=list(quadratics()),
    randomQuadratic=random_quadratic(),
    radam=[radam_updates(0.999, 30), radam_updates(0.98, 12)],
    quartic=[quartic(3.0, 0), quartic(3.0, 10), quartic(2.38, 0), quartic(2.381, 0)],
    hessian=hessian(),
)
