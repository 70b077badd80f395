"""Cholesky factors, distances, ellipses and nearest matrices by NumPy, SciPy and PyTorch."""

import warnings

import numpy as np
import scipy.linalg as la
import torch
from oracle import emit, load
from scipy.optimize import minimize
from scipy.spatial.distance import mahalanobis
from scipy.stats import chi2, multivariate_normal

rng = np.random.default_rng(20263)


def definite(n):
    x = rng.standard_normal((n + 3, n)) * 10.0 ** rng.integers(-2, 3)
    return x.T @ x


def factorisations():
    for n, k in ((1, 2), (2, 3), (3, 1), (5, 2), (9, 4)):
        a, b, v = definite(n), rng.standard_normal((n, k)), rng.standard_normal(n)
        l = np.linalg.cholesky(a)
        yield {
            "a": a,
            "b": b,
            "v": v,
            "l": l,
            "forward": la.solve_triangular(l, b, lower=True),
            "backward": la.solve_triangular(l, b, lower=True, trans="T"),
            "x": la.cho_solve((l, True), b),
            "logDet": np.linalg.slogdet(a)[1],
            "updated": np.linalg.cholesky(l @ l.T + np.outer(v, v)),
        }


def pivoted():
    """LAPACK's dpstrf, whose default tolerance is n·u·max(aᵢᵢ) with u = eps/2."""
    for n, rank in ((3, 1), (6, 6), (7, 3), (12, 5)):
        x = rng.standard_normal((n, rank))
        a = x @ x.T
        c, order, found, _ = la.lapack.dpstrf(a, tol=n * 2.0**-52 * np.diag(a).max(), lower=1)
        yield {"a": a, "rank": found, "permutation": order - 1, "l": np.tril(c)[:, :found]}


def distances():
    for d in (1, 3, 6):
        a, x, mean = definite(d), rng.standard_normal(d), rng.standard_normal(d)
        yield {"covariance": a, "x": x, "mean": mean, "distance": mahalanobis(x, mean, np.linalg.inv(a))}


def project(a):
    w, q = np.linalg.eigh(a)
    return (q * np.maximum(w, 0)) @ q.T


def nearest_correlation(a):
    """The dual: minimise ‖P(A + diag y)‖²/2 − Σy over y; its gradient is diag P(A + diag y) − 1."""

    def dual(y):
        x = project(a + np.diag(y))
        return (x**2).sum() / 2 - y.sum(), np.diag(x) - 1

    y = minimize(dual, np.zeros(len(a)), jac=True, method="BFGS", options={"gtol": 1e-11, "maxiter": 5000}).x
    return project(a + np.diag(y))


def correlations():
    published = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])
    cases = [published]
    for n in (2, 4, 7):
        a = rng.uniform(-1, 1, (n, n))
        a = np.tril(a, -1)
        cases.append(a + a.T + np.eye(n))
    for a in cases:
        x = nearest_correlation(a)
        yield {"a": a, "nearest": x, "distance": np.linalg.norm(a - x)}


def projections():
    for n in (2, 5, 8):
        a = rng.standard_normal((n, n))
        a = a + a.T
        yield {"a": a, "matrix": project(a), "distance": np.linalg.norm(a - project(a))}


def iris():
    x, target = load("iris")
    return [np.cov(x[target == k], rowvar=False) for k in range(3)]


def wine():
    """Correlations of all rows, and by pairs with the entries missing that a formula of row and column picks."""
    x, _ = load("wine")
    i, j = np.indices(x.shape)
    masked = np.ma.array(x, mask=(31 * i + 17 * j + i * i * j * j + i * j) % 7 < 2)
    d = x.shape[1]
    pairs = np.eye(d)
    for p in range(d):
        for q in range(p):
            both = ~(masked.mask[:, p] | masked.mask[:, q])
            pairs[p, q] = pairs[q, p] = np.corrcoef(x[both, p], x[both, q])[0, 1]
    return {"complete": np.corrcoef(x, rowvar=False), "pairs": pairs}


def kernel():
    t = np.linspace(0, 1, 200)
    w = np.linalg.eigvalsh(np.exp(-((t[:, None] - t) ** 2) / 2))
    limit = 200 * np.finfo(float).eps * w[-1]
    return {"largest": w[-1], "limit": limit, "above": (w > limit).sum(), "leading": w[::-1][:6]}


def schur():
    for p, q in ((1, 2), (3, 2)):
        m, x = definite(p + q), rng.standard_normal(p + q)
        joint = multivariate_normal(np.zeros(p + q), m).logpdf(x)
        first = multivariate_normal(np.zeros(p), m[:p, :p]).logpdf(x[:p])
        yield {"m": m, "p": p, "x": x, "conditional": joint - first, "inverse": np.linalg.inv(m)}


def error(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except Exception as failure:  # noqa: BLE001
            return type(failure).__name__.lstrip("_")
    return caught[0].category.__name__ if caught else "none"


def conventions():
    asymmetric = np.array([[4.0, 9.0], [2.0, 5.0]])
    upper = np.array([[4.0, 2.0], [9.0, 5.0]])
    indefinite = np.array([[1.0, 2.0], [2.0, 1.0]])
    columns = np.array([[1.0, 2.0], [3.0, 8.0], [2.0, 2.0]])
    return {
        "numpyLower": np.linalg.cholesky(asymmetric),
        "scipyUpper": la.cholesky(upper),
        "torchLower": torch.linalg.cholesky(torch.tensor(asymmetric)).numpy(),
        "numpyIndefinite": error(lambda: np.linalg.cholesky(indefinite)),
        "scipyIndefinite": error(lambda: la.cholesky(indefinite)),
        "torchIndefinite": error(lambda: torch.linalg.cholesky(torch.tensor(indefinite))),
        "numpyCov": np.cov(columns.T),
        "numpyCovOfRows": np.cov(columns).shape,
        "torchCov": torch.cov(torch.tensor(columns.T)).numpy(),
        "numpyDraws": error(lambda: rng.multivariate_normal(np.zeros(2), indefinite)),
        "scipyDraws": error(lambda: multivariate_normal(np.zeros(2), indefinite).rvs()),
        "torchDraws": error(
            lambda: torch.distributions.MultivariateNormal(torch.zeros(2), torch.tensor(indefinite).float())
        ),
    }


emit(
    ["numpy", "scipy", "torch"],
    factorisations=list(factorisations()),
    pivoted=list(pivoted()),
    distances=list(distances()),
    correlations=list(correlations()),
    projections=list(projections()),
    irisCovariances=iris(),
    wine=wine(),
    kernel=kernel(),
    schur=list(schur()),
    coverage=[{"d": d, "within": chi2.cdf(np.array([1, 2, 3, 1.96]) ** 2, d)} for d in (1, 2, 3, 10)],
    radii=[{"level": p, "radius": np.sqrt(chi2.ppf(p, 2))} for p in (0.1, 0.5, 0.95, 0.99)],
    segment=chi2.cdf(chi2.ppf(0.95, 2), 1),
    conventions=conventions(),
)
