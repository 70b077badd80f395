"""Curves and areas by scikit-learn, U by SciPy, DeLong's variance from all pairs by NumPy, integrals by quadrature."""

import warnings

import numpy as np
from oracle import emit, load
from scipy import integrate, stats
from sklearn import metrics

warnings.simplefilter("ignore")  # one class is wanted
rng = np.random.default_rng(20267)


def curves(n, levels, weight=False):
    truth = rng.integers(0, 2, n)
    scores = np.round(rng.normal(size=n) + 0.8 * truth, 1) if levels is None else rng.integers(0, levels, n)
    weight = rng.random(n) + 0.1 if weight else None
    fpr, tpr, thresholds = metrics.roc_curve(truth, scores, sample_weight=weight, drop_intermediate=False)
    precision, recall, _ = metrics.precision_recall_curve(truth, scores, sample_weight=weight)
    return {
        "truth": truth,
        "scores": scores,
        "sampleWeight": weight,
        "fpr": fpr,
        "tpr": tpr,
        "thresholds": thresholds,
        "corners": len(metrics.roc_curve(truth, scores, sample_weight=weight)[0]),
        "precision": precision[-2::-1],
        "recall": recall[-2::-1],
        "auc": metrics.roc_auc_score(truth, scores, sample_weight=weight),
        "partial": {
            str(limit): metrics.roc_auc_score(truth, scores, sample_weight=weight, max_fpr=limit) for limit in (0.05, 0.3, 0.77)
        },
        "averagePrecision": metrics.average_precision_score(truth, scores, sample_weight=weight),
        "u": None if weight is not None else stats.mannwhitneyu(scores[truth == 1], scores[truth == 0]).statistic,
        "interpolated": interpolated(truth, scores, weight),
    }


def interpolated(truth, scores, weight):
    weight = np.ones(len(truth)) if weight is None else weight
    points = [(0.0, 0.0)]
    for t in np.unique(scores)[::-1]:
        called = scores >= t
        points.append((weight[called & (truth == 1)].sum(), weight[called & (truth == 0)].sum()))
    area = 0
    for (a, fa), (b, fb) in zip(points, points[1:]):
        if b > a:
            area += integrate.quad(lambda u: u / (u + fa + (u - a) * (fb - fa) / (b - a)) if u else 0, a, b, epsabs=1e-13)[0]
    return area / points[-1][0]


def delong(truth, *scorers):
    """Every pair of a positive and a negative, one matrix a scorer; covariance of its row and column means."""
    wins = []
    for scores in scorers:
        x, y = scores[truth == 1], scores[truth == 0]
        wins.append((x[:, None] > y) + 0.5 * (x[:, None] == y))
    m, n = wins[0].shape
    rows, columns = np.array([w.mean(1) for w in wins]), np.array([w.mean(0) for w in wins])
    cov = np.atleast_2d(np.cov(rows)) / m + np.atleast_2d(np.cov(columns)) / n
    return np.array([w.mean() for w in wins]), cov


def paired(n, rounding):
    truth = (rng.random(n) < 0.3).astype(int)
    a = np.round(rng.normal(size=n) + truth, rounding)
    b = np.round(0.6 * a + rng.normal(size=n) + 0.2 * truth, rounding)
    auc, cov = delong(truth, a, b)
    error = np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    z = (auc[0] - auc[1]) / error
    half = stats.norm.ppf(0.975)
    return {
        "truth": truth,
        "a": a,
        "b": b,
        "auc": auc,
        "cov": cov,
        "z": z,
        "pValue": 2 * stats.norm.sf(abs(z)),
        "lower": auc[0] - auc[1] - half * error,
        "upper": auc[0] - auc[1] + half * error,
    }


def binormal(d, prevalence, spread=1):
    negative, positive = stats.norm(0, 1), stats.norm(d, spread)

    def integrand(t):
        p = prevalence * positive.sf(t)
        return positive.pdf(t) * p / (p + (1 - prevalence) * negative.sf(t))

    low, high = d - 9 * spread, d + 9 * spread
    area = sum(
        integrate.quad(integrand, a, b, epsabs=1e-14, epsrel=1e-12)[0]
        for a, b in zip(np.linspace(low, high, 41), np.linspace(low, high, 41)[1:])
    )
    auc = stats.norm.cdf(d / np.sqrt(1 + spread**2))
    return {"d": d, "prevalence": prevalence, "spread": spread, "auc": auc, "averagePrecision": area}


def tumours():
    x, y = load("breast-cancer")
    malignant = 1 - y
    auc, cov = delong(malignant, x[:, 0], x[:, 2])
    z = (auc[0] - auc[1]) / np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    return {
        "auc": [metrics.roc_auc_score(malignant, column) for column in x.T],
        "averagePrecision": [metrics.average_precision_score(malignant, column) for column in x.T],
        "cov": cov,
        "z": z,
        "pValue": 2 * stats.norm.sf(abs(z)),
    }


emit(
    ["numpy", "scipy", "scikit-learn"],
    curves=[curves(40, 6), curves(60, None), curves(35, 8, weight=True), curves(50, None, weight=True), curves(9, 2)],
    paired=[paired(60, 1), paired(83, 3)],
    binormal=[
        binormal(*options)
        for options in [(1, 0.5), (2, 0.5), (2, 0.1), (2, 0.01), (2, 0.001), (0, 0.3), (-1, 0.4), (3, 0.5), (2.9, 0.2, 2), (1, 0.1, 0.5)]
        + [(4, 1e-6), (8, 1e-6), (8, 0.5), (-8, 0.5), (0, 0.001, 10), (2, 0.001, 0.1)]
    ],
    tumours=tumours(),
    conventions={
        "oneClass": metrics.roc_auc_score([1, 1], [0.2, 0.1]),
        "drops": [
            len(metrics.roc_curve(truth, scores)[0])
            for truth, scores in [([0, 1, 1, 0, 0], [5, 4, 3, 2, 1]), ([0, 1, 1, 1, 0, 0], [5, 4, 4, 3, 2, 1])]
        ],
        "chord": metrics.auc([0.25, 0.5], [0.5, 0.25]),
        "prEnd": [values[-1] for values in metrics.precision_recall_curve([0, 1, 0], [3, 2, 1])[:2]],
    },
)
