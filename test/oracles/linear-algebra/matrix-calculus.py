"""Jacobians and Hessians by PyTorch, identities by SymPy, derivatives to 40 digits by mpmath, an optimum by scikit-learn."""

import inspect

import mpmath
import numpy as np
import scipy.optimize
import sympy as sp
import torch
from oracle import emit, load
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(20268)
DOUBLE = torch.float64


def t(a):
    return torch.tensor(a, dtype=DOUBLE)


def derivatives(f, x, v):
    """Value and Jacobian of f, Hessian of Σ cᵢ·fᵢ for c = 1, 2, 3, …, and that Hessian times v, all by PyTorch."""
    x, v = t(x), t(v)
    value = f(x)

    def weighted(x):
        y = f(x).reshape(-1)
        return (torch.arange(1, y.numel() + 1, dtype=DOUBLE) * y).sum()

    n = x.numel()
    return {
        "value": value.reshape(-1).numpy(),
        "jacobian": torch.autograd.functional.jacobian(f, x).reshape(-1, n).numpy(),
        "hessian": torch.autograd.functional.hessian(weighted, x).reshape(n, n).numpy(),
        "hvp": torch.autograd.functional.hvp(weighted, x, v)[1].reshape(-1).numpy(),
    }


def operations():
    """Every operation by its name: (function, a point away from kinks and poles)."""
    wide, tall, square = rng.standard_normal((3, 4)), rng.standard_normal((4, 2)), rng.standard_normal((3, 3))
    positive = rng.uniform(0.5, 3, (3, 4))
    row, column = rng.standard_normal(4), rng.standard_normal((3, 1))
    vector = rng.standard_normal(5)
    left = rng.standard_normal((2, 3))
    table = {
        "neg": (lambda x: -x, wide),
        "exp": (torch.exp, wide),
        "log": (torch.log, positive),
        "sqrt": (torch.sqrt, positive),
        "square": (torch.square, wide),
        "sin": (torch.sin, wide),
        "cos": (torch.cos, wide),
        "tanh": (torch.tanh, wide),
        "sigmoid": (torch.sigmoid, wide),
        "softplus": (torch.nn.functional.softplus, wide),
        "relu": (lambda x: torch.relu(x) * x, wide),
        "abs": (lambda x: torch.abs(x) * x, wide),
        "add": (lambda x: (x + t(row)) * x, wide),
        "sub": (lambda x: (t(column) - x) * x, wide),
        "mul": (lambda x: x * t(row) * (x * 3), wide),
        "div": (lambda x: t(column) / x + x / t(row), positive),
        "matmul": (lambda x: t(left) @ x @ t(tall) @ t(tall).T @ x.T, wide),
        "matmulVectors": (lambda x: (t(tall).T @ x) * (x @ t(tall)) * (x @ x), rng.standard_normal(4)),
        "sum": (lambda x: x.sum(0) * x.sum((0, 1)), wide),
        "transpose": (lambda x: x.T * x.T, wide),
        "reshape": (lambda x: x.reshape(2, -1) ** 2, wide),
        "entry": (lambda x: x.reshape(-1)[5] * x, wide),
        "slice": (lambda x: x.reshape(-1)[2:7] ** 2, wide),
        "stack": (lambda x: torch.stack([x[0] * x[1], x[3], t(2.0), torch.sin(x[0])]), vector),
        "softmax": (lambda x: torch.softmax(x, -1), wide),
        "logSumExp": (lambda x: torch.logsumexp(x, -1), wide),
        "inverse": (torch.linalg.inv, square),
        "logAbsDet": (lambda x: torch.linalg.slogdet(x)[1], square),
    }
    results = {
        name: {
            "x": x.reshape(-1),
            "shape": list(x.shape),
            "v": (v := rng.standard_normal(x.shape)).reshape(-1),
            "result": derivatives(f, x, v),
        }
        for name, (f, x) in table.items()
    }
    return {"table": results, "row": row, "column": column, "left": left, "tall": tall}


def network():
    """tanh(A·x)-network from 5 to 3 numbers, and a regularised log-likelihood."""
    a, b, x, v = (rng.standard_normal(shape) for shape in ((7, 5), (3, 7), 5, 5))
    return {"A": a, "B": b, "x": x, "v": v, "result": derivatives(lambda x: t(b) @ torch.tanh(t(a) @ x), x, v)}


def identities():
    """The gradients of the table, symbolically, at small integers."""

    def numbers(rows, columns, start):
        return sp.Matrix(rows, columns, lambda i, j: sp.Integer((start + 3 * i + 5 * j + 2 * i * j) % 7 - 2))

    def gradient(f, x, at):
        point = dict(zip(x, at))
        return [float(sp.diff(f, entry).subs(point)) for entry in x]

    m, n, k = 2, 3, 4
    x, X, S = sp.Matrix(sp.symbols(f"x:{n}")), sp.Matrix(m, n, sp.symbols(f"X:{m * n}")), sp.Matrix(n, n, sp.symbols(f"S:{n * n}"))
    x0, X0 = sp.Matrix([2, -1, 1]), numbers(m, n, 1)
    S0 = sp.Matrix([[2, 1, 0], [1, -1, 3], [0, 2, 1]])
    A, Amn, b, Akm, Bnk = numbers(n, n, 0), numbers(m, n, 2), numbers(m, 1, 3), numbers(k, m, 4), numbers(n, k, 5)
    a, c = numbers(n, 1, 6), numbers(n, 1, 1)
    total = sum(sp.exp(xi) for xi in x)
    p = sp.Matrix([sp.exp(xi) / total for xi in x])
    cases = [
        ((x.T * A * x)[0], x, x0, {"x": x0, "A": A}),
        (((Amn * x - b).T * (Amn * x - b))[0], x, x0, {"x": x0, "A": Amn, "b": b}),
        (sp.log(S.det() ** 2) / 2, S, S0, {"X": S0}),
        ((Akm * X * Bnk).trace(), X, X0, {"X": X0, "A": Akm, "B": Bnk}),
        ((a.T * S.adjugate() * c)[0] / S.det(), S, S0, {"X": S0, "a": a, "b": c}),
        (sp.log(total), x, x0, {"x": x0}),
        (sum(entry**2 for entry in X), X, X0, {"X": X0}),
    ]
    plain = lambda given: {letter: [[float(v) for v in a.row(i)] for i in range(a.rows)] for letter, a in given.items()}
    softmax = [[float(sp.diff(pi, xj).subs(dict(zip(x, x0)))) for xj in x] for pi in p]
    return [{"given": plain(given), "gradient": gradient(f, v, at)} for f, v, at, given in cases] + [
        {"given": plain({"x": x0}), "gradient": [value for row in softmax for value in row]}
    ]


def exact():
    """Derivatives at 200 points of [0.5, 2], rounded from 40 digits."""
    mpmath.mp.dps = 40
    points = [0.5 + 1.5 * i / 199 for i in range(200)]
    functions = {
        "exp": mpmath.exp,
        "log": lambda x: 1 / x,
        "sin": lambda x: mpmath.cos(x * x) * 2 * x,
        "rational": lambda x: -2 * x / (1 + x * x) ** 2,
    }
    return {"x": points, **{name: [float(f(mpmath.mpf(x))) for x in points] for name, f in functions.items()}}


def logistic():
    x, target = load("breast-cancer")
    z = (x - x.mean(0)) / x.std(0)
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=100).fit(z, target)
    w = np.concatenate([model.intercept_, model.coef_[0]])
    margin = np.where(target == 1, 1, -1) * (w[0] + z @ w[1:])
    ones = np.column_stack([np.ones(len(z)), z])
    curvature = np.linalg.eigvalsh(ones.T @ ones)[-1] / 4 + 1
    norms, at = [], np.zeros(31)
    while True:  # gradient descent with step 1/L, run to its end
        gradient = ones.T @ (1 / (1 + np.exp(-ones @ at)) - target) + np.concatenate([[0], at[1:]])
        norms.append(np.linalg.norm(gradient))
        if norms[-1] < 1e-6:
            break
        at -= gradient / curvature
    return {
        "weights": w,
        "minimum": np.logaddexp(0, -margin).sum() + 0.5 * (w[1:] ** 2).sum(),
        "curvature": curvature,
        "descentSteps": len(norms) - 1,
        "descentNorms": norms[:1001:50],
    }


def kronecker():
    """Which product is the Jacobian of X ↦ AXB, for entries counted by rows and by columns."""
    a, b, x = (rng.standard_normal(shape) for shape in ((2, 3), (4, 5), (3, 4)))
    return {
        "A": a,
        "B": b,
        "byRows": np.kron(a, b.T),
        "byColumns": np.kron(b.T, a),
        "rowsAgree": np.allclose(np.kron(a, b.T) @ x.ravel(), (a @ x @ b).ravel(), atol=1e-12),
        "columnsAgree": np.allclose(np.kron(b.T, a) @ x.ravel("F"), (a @ x @ b).ravel("F"), atol=1e-12),
    }


def conventions():
    def slope(f, at):
        x = t(at).requires_grad_()
        f(x).backward()
        return x.grad.item()

    def error(call):
        try:
            call()
        except Exception as failure:  # noqa: BLE001
            return type(failure).__name__
        return "none"

    default = lambda f, name: inspect.signature(f).parameters[name].default
    negative = t(np.diag([1.0, -2.0]))
    x = t(rng.standard_normal((2, 3)))
    jacobian = torch.autograd.functional.jacobian(lambda x: x @ t(rng.standard_normal((3, 4))), x)
    return {
        "torchJacobianShape": list(jacobian.shape),
        "torchReluAtZero": slope(torch.relu, 0.0),
        "torchAbsAtZero": slope(torch.abs, 0.0),
        "torchLogdetOfNegative": torch.logdet(negative),
        "torchLogAbsDet": torch.linalg.slogdet(negative)[1],
        "torchGradcheckStep": default(torch.autograd.gradcheck, "eps"),
        "torchInverseOfSingular": error(lambda: torch.linalg.inv(t([[1.0, 2.0], [2.0, 4.0]]))),
        "torchVectorGradient": error(lambda: torch.exp(t([1.0, 2.0]).requires_grad_()).backward()),
        "scipyApproxFprimeStep": default(scipy.optimize.approx_fprime, "epsilon"),
        "scipyCheckGradStep": default(scipy.optimize.check_grad, "epsilon"),
    }


emit(
    ["numpy", "scipy", "torch", "sympy", "mpmath", "scikit-learn"],
    operations=operations(),
    network=network(),
    identities=identities(),
    exact=exact(),
    logistic=logistic(),
    kronecker=kronecker(),
    conventions=conventions(),
)
