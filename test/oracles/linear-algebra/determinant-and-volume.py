"""Determinants, solutions, volumes and transformed densities by NumPy, SciPy and exact fractions."""

from fractions import Fraction

import numpy as np
import scipy.linalg as la
from oracle import emit, load
from scipy.special import digamma
from scipy.stats import lognorm, multivariate_normal

rng = np.random.default_rng(20262)


def formula(n):
    """A full-rank matrix that both sides can make from integers."""
    i, j = np.indices((n, n))
    return ((7 * i * i + 13 * i * j + 5 * j * j * j + i) % 211) / 211 - 0.5


def slogdets():
    for n in (1, 2, 3, 5, 8, 13, 21):
        a = rng.standard_normal((n, n)) * 10.0 ** rng.integers(-3, 4)
        sign, log = np.linalg.slogdet(a)
        yield {"a": a, "sign": sign, "logAbsDet": log, "det": np.linalg.det(a)}


def large_slogdets():
    for n in (50, 99, 200):
        sign, log = np.linalg.slogdet(formula(n))
        yield {"n": n, "sign": sign, "logAbsDet": log, "cond": np.linalg.cond(formula(n))}


def factorisations():
    for n in (1, 2, 4, 7, 12):
        a = rng.standard_normal((n, n))
        p, l, u = la.lu(a)  # A = PLU, so that our P is the transpose
        yield {"a": a, "l": l, "u": u, "permutation": np.argmax(p, axis=0), "indices": la.lu(a, p_indices=True)[0]}


def solutions():
    for n, k in ((1, 3), (3, 2), (6, 4), (11, 1)):
        a, b = rng.standard_normal((n, n)), rng.standard_normal((n, k))
        yield {"a": a, "b": b, "x": np.linalg.solve(a, b), "first": np.linalg.solve(a, b[:, 0]), "inverse": np.linalg.inv(a)}


def exact(rows):
    """Determinant by elimination in fractions."""
    a = [[Fraction(x) for x in row] for row in rows]
    det = Fraction(1)
    for k in range(len(a)):
        p = next(i for i in range(k, len(a)) if a[i][k] != 0)
        if p != k:
            a[k], a[p] = a[p], a[k]
            det = -det
        det *= a[k][k]
        for i in range(k + 1, len(a)):
            c = a[i][k] / a[k][k]
            a[i] = [x - c * y for x, y in zip(a[i], a[k])]
    return det


def exact_values():
    vandermonde = exact([[x**j for j in range(5)] for x in range(1, 6)])
    hilbert = exact([[Fraction(1, i + j + 1) for j in range(6)] for i in range(6)])
    tridiagonal = [exact([[2 * (i == j) - (abs(i - j) == 1) for j in range(n)] for i in range(n)]) for n in range(1, 13)]
    return {
        "vandermonde": vandermonde.numerator,
        "inverseHilbert": str(1 / hilbert),
        "tridiagonal": [x.numerator for x in tridiagonal],
    }


def volumes():
    """By singular values, which QR does not compute."""
    for m, n in ((5, 2), (4, 3), (6, 6), (7, 1)):
        a = rng.standard_normal((m, n))
        yield {"a": a, "volume": np.prod(np.linalg.svd(a, compute_uv=False))}


def densities():
    for n in (1, 2, 4):
        a, b, y = rng.standard_normal((n, n)), rng.standard_normal(n), rng.standard_normal(n)
        yield {"a": a, "b": b, "y": y, "logDensity": multivariate_normal(b, a @ a.T).logpdf(y)}


def log_normal():
    y = np.exp(rng.standard_normal(3))
    return {"y": y, "logDensity": lognorm(1).logpdf(y).sum()}


def iris():
    x, target = load("iris")
    species = [np.cov(x[target == k].T) for k in range(3)]
    correlation = np.corrcoef(x.T)
    return {
        "logDetCovariance": [np.linalg.slogdet(c)[1] for c in species],
        "entropy": [multivariate_normal(np.zeros(4), c).entropy() for c in species],
        "detCorrelation": np.linalg.det(correlation),
    }


def triangular_condition():
    """Of the unit upper triangular matrix with −1 above the diagonal, in the norm of row sums; its inverse is exact."""
    n = 30
    t = np.eye(n) - np.triu(np.ones((n, n)), 1)
    return np.linalg.norm(t, np.inf) * np.linalg.norm(la.solve_triangular(t, np.eye(n), unit_diagonal=True), np.inf)


def hadamard():
    sizes = np.array([2, 5, 10, 20, 50])
    means = [0.5 * sum(digamma(i / 2) - digamma(n / 2) for i in range(1, n + 1)) for n in sizes]
    return {"n": sizes, "meanLogRatio": means}


def conventions():
    """What NumPy and SciPy do with singular matrices and with determinants beyond float64."""
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])

    def error(call):
        try:
            call()
        except Exception as failure:  # noqa: BLE001
            return type(failure).__name__
        return "none"

    with np.errstate(over="ignore"):
        large = np.linalg.det(100 * np.eye(200))
    sign, log = np.linalg.slogdet(singular)
    return {
        "detOfLarge": large,
        "detOfSmall": np.linalg.det(0.01 * np.eye(200)),
        "detOfMixed": np.linalg.det(np.diag([1e200, 1e200, 1e-200, 1e-200])),
        "scipyDetOfMixed": la.det(np.diag([1e200, 1e200, 1e-200, 1e-200])),
        "singularSign": sign,
        "singularLog": log,
        "solveSingular": error(lambda: np.linalg.solve(singular, np.ones(2))),
        "scipySolveSingular": error(lambda: la.solve(singular, np.ones(2))),
        "luSingular": error(lambda: la.lu(singular)),
    }


emit(
    ["numpy", "scipy"],
    slogdets=list(slogdets()),
    largeSlogdets=list(large_slogdets()),
    factorisations=list(factorisations()),
    solutions=list(solutions()),
    exact=exact_values(),
    volumes=list(volumes()),
    densities=list(densities()),
    logNormal=log_normal(),
    iris=iris(),
    triangularCondition=triangular_condition(),
    hadamard=hadamard(),
    conventions=conventions(),
)
