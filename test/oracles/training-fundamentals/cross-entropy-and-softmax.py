"""Cross-entropy with every option and its gradients by PyTorch in float64; log-sum-exp and softmax by SciPy."""

import numpy as np
import torch
from oracle import emit, load
from scipy import optimize, special
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20264)


def cross_entropy(name, logits, targets, **options):
    """Loss and gradient for each reduction; the options under torch's own names."""
    logits, targets = np.asarray(logits, dtype=float), np.asarray(targets)
    given = dict(options)
    if "weight" in given:
        given["weight"] = torch.tensor(given["weight"], dtype=torch.float64)
    result = {"name": name, "logits": logits, "targets": targets, "options": options}
    for reduction in ("mean", "sum", "none"):
        z = torch.tensor(logits, requires_grad=True)
        loss = F.cross_entropy(z, torch.tensor(targets), reduction=reduction, **given)
        if reduction == "none":
            result["losses"] = loss.detach().numpy()
        else:
            loss.backward()
            result[reduction] = {"loss": loss.item(), "gradient": z.grad.numpy()}
    return result


def cross_entropies():
    z, labels = 3 * rng.standard_normal((5, 4)), np.array([3, 0, 2, 2, 1])
    weight = [0.5, 2.0, 1.0, 3.0]
    soft = rng.dirichlet(np.ones(4), 5)
    yield cross_entropy("labels", z, labels)
    yield cross_entropy("weights", z, labels, weight=weight)
    yield cross_entropy("a weight of zero", z, labels, weight=[1.0, 1.0, 0.0, 2.0])
    yield cross_entropy("label smoothing", z, labels, label_smoothing=0.1)
    yield cross_entropy("label smoothing of one", z, labels, label_smoothing=1.0)
    yield cross_entropy("label smoothing and weights", z, labels, label_smoothing=0.2, weight=weight)
    yield cross_entropy("ignored rows", z, [3, -100, 2, -100, 1], ignore_index=-100)
    yield cross_entropy("ignored class", z, labels, ignore_index=2)
    yield cross_entropy("ignored rows, weights", z, [3, -100, 2, -100, 1], ignore_index=-100, weight=weight)
    yield cross_entropy(
        "ignored rows, weights, label smoothing", z, [3, -1, 2, -1, 1], ignore_index=-1, weight=weight, label_smoothing=0.3
    )
    yield cross_entropy("everything ignored", z[:2], [-100, -100], ignore_index=-100)
    yield cross_entropy("probabilities", z, soft)
    yield cross_entropy("probabilities and weights", z, soft, weight=weight)
    yield cross_entropy("probabilities and label smoothing", z, soft, label_smoothing=0.1)
    yield cross_entropy("targets of other mass", z, 1.7 * soft)
    yield cross_entropy("one row", [[0.3, -1.2, 2.5, 0.0, 0.0, 1.0, -4.0]], [1])
    yield cross_entropy("two classes", rng.standard_normal((6, 2)), [0, 1, 1, 0, 1, 0])
    yield cross_entropy("one class", [[4.0], [-2.0]], [0, 0])
    yield cross_entropy("large logits", [[1e3, -1e3, 0.0], [-1e3, -1e3, -999.0], [1e300, 0.0, 1e299]], [1, 2, 0])
    yield cross_entropy("far apart", [[0.0, -1000.0]], [1])
    yield cross_entropy("nearly certain", [[40.0, 0.0]], [0])
    yield cross_entropy("masked class, probabilities", [[1.0, -np.inf, 0.5]], [[0.25, 0.0, 0.75]])
    yield cross_entropy("masked class, label smoothing", [[1.0, -np.inf, 0.5]], [0], label_smoothing=0.1)
    yield cross_entropy("masked classes", [[0.5, -np.inf, 1.5], [-np.inf, -np.inf, 2.0]], [2, 2])
    yield cross_entropy("worked example: weights", [[1.0, 2, 0], [0, 0, 3], [2, -1, 1]], [1, 2, 0], weight=[1.0, 2.0, 4.0])
    yield cross_entropy("worked example: no weights", [[1.0, 2, 0], [0, 0, 3], [2, -1, 1]], [1, 2, 0])


def softmaxes():
    """z is divided by the temperature first."""
    cases = [
        (rng.standard_normal(5), 1),
        (rng.standard_normal(7), 0.5),
        (rng.standard_normal(3), 20),
        ([1000.0, 1001.0, 999.5], 1),
        ([-1000.0, -1001.0], 1),
        ([0.0, -1000.0], 1),
        ([800.0, 0.0, -800.0, 799.0], 1),
        ([1e308, 0.0, 1e308], 1),
        ([-1e308, -1e308, -1e308], 1),
        ([1e308, -1e308], 1),
        ([-np.inf, 2.0, -np.inf, 1.0], 1),
        ([-np.inf, 5.0], 1),
        ([3.0], 1),
        ([0.1] * 6, 1),
        ([5e-324, 0.0], 1),
        ([40.0, 0.0, -40.0], 1),
    ]
    for logits, temperature in cases:
        z = np.asarray(logits) / temperature
        with np.errstate(over="ignore"):
            yield {
                "logits": logits,
                "temperature": temperature,
                "logSumExp": special.logsumexp(z),
                "softmax": special.softmax(z),
                "logSoftmax": special.log_softmax(z),
            }


def binary():
    z = np.concatenate([[-1e3, -745.5, -40, -10, -1, -1e-9, 0, 1e-9, 0.3, 2, 10, 37, 1e3, 1e3, -1e3], rng.normal(0, 4, 5)])
    y = np.concatenate([[1, 0, 1, 1, 0, 1, 0, 1, 0.25, 0.9, 0, 1, 0, 1, 0], rng.random(5)])
    logits = torch.tensor(z, requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(logits, torch.tensor(y), reduction="none")
    losses.sum().backward()
    return {
        "logits": z,
        "targets": y,
        "losses": losses.detach().numpy(),
        "mean": losses.mean().item(),
        "gradientOfSum": logits.grad.numpy(),
        "sigmoid": special.expit(z),
    }


def hessians():
    for K in (2, 3, 6):
        z = rng.standard_normal(K)
        hessian = torch.autograd.functional.hessian(lambda t: torch.logsumexp(t, 0), torch.tensor(z)).numpy()
        yield {"logits": z, "softmax": special.softmax(z), "hessian": hessian, "eigenvalues": np.linalg.eigvalsh(hessian)}


def softmax_regression(name, lr, steps, divide_by=1.0):
    """Full-batch gradient descent from zero weights and intercept on the mean loss: the losses before each step and after the last."""
    x, labels = load(name)
    x, labels = torch.tensor(x / divide_by), torch.tensor(labels)
    W = torch.zeros(x.shape[1], int(labels.max()) + 1, requires_grad=True)
    b = torch.zeros(W.shape[1], requires_grad=True)
    losses = []
    for step in range(steps + 1):
        loss = F.cross_entropy(x @ W + b, labels)
        losses.append(loss.item())
        if step == steps:
            break
        gradients = torch.autograd.grad(loss, [W, b])
        with torch.no_grad():
            W -= lr * gradients[0]
            b -= lr * gradients[1]
    return {
        "data": name,
        "dividedBy": divide_by,
        "lr": lr,
        "steps": steps,
        "losses": losses,
        "weights": W.detach().numpy(),
        "intercept": b.detach().numpy(),
        "accuracy": ((x @ W + b).argmax(1) == labels).double().mean().item(),
    }


def separable():
    """No minimiser: the weight of z = w·x grows like ln(steps) times the norm of the hard-margin solution."""
    x = np.array([[1, 0.5], [2, 1], [-1, 0.2], [-1.5, -1]])
    sign = np.array([1, 1, -1, -1])
    margin = optimize.minimize(
        lambda w: w @ w / 2,
        [1.0, 1.0],
        jac=lambda w: w,
        constraints={"type": "ineq", "fun": lambda w: sign * (x @ w) - 1, "jac": lambda w: sign[:, None] * x},
        method="SLSQP",
        options={"ftol": 1e-16},
    )
    w, norms = np.zeros(2), {}
    for step in range(1, 100_001):
        w = w + (special.expit(-sign * (x @ w)) * sign) @ x / len(x)
        if step in (3000, 10_000, 100_000):
            norms[str(step)] = np.linalg.norm(w)
    return {
        "x": x,
        "sign": sign,
        "lr": 1,
        "normAfterSteps": norms,
        "hardMarginWeights": np.round(margin.x, 9),
        "hardMarginNorm": np.round(np.linalg.norm(margin.x), 9),
    }


def limits():
    """The largest argument whose exponential is finite, the smallest whose exponential is not 0, by format."""
    result = {}
    for kind in (np.float64, np.float32, np.float16):
        info = np.finfo(kind)
        result[kind.__name__] = {
            "expOverflowsAbove": np.log(np.float64(info.max)),
            "expUnderflowsBelow": np.log(np.float64(info.smallest_subnormal)) - np.log(2),
        }
    return result


emit(
    ["numpy", "scipy", "torch"],
    crossEntropy=list(cross_entropies()),
    softmax=list(softmaxes()),
    binaryCrossEntropyWithLogits=binary(),
    logSumExpHessian=list(hessians()),
    softmaxRegression=[softmax_regression("iris", 0.1, 50), softmax_regression("digits", 0.5, 30, divide_by=16.0)],
    separable=separable(),
    expLimits=limits(),
)
