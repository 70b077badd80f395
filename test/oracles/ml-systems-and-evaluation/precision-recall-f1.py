"""Precision, recall, F_beta and Jaccard by scikit-learn: cells, averages, several labels, sweeps with ties and weights."""

import inspect
import warnings

import numpy as np
from oracle import emit, load
from scipy import special
from sklearn import metrics

warnings.simplefilter("ignore")  # the undefined ratios are wanted
rng = np.random.default_rng(20266)


def counts(tp, fn, fp, beta):
    truth, predicted = np.repeat([1, 1, 0], [tp, fn, fp]), np.repeat([1, 0, 1], [tp, fn, fp])
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, beta=beta, average="binary", zero_division=0)
    jaccard = metrics.jaccard_score(truth, predicted, zero_division=0)
    return {"cells": [tp, fn, fp], "beta": beta, "precision": p, "recall": r, "fscore": f, "jaccard": jaccard}


def sweep(n, levels, weight=None):
    scores, truth = rng.integers(0, levels, n) / levels, rng.integers(0, 2, n)
    weight = rng.random(n) + 0.1 if weight else None
    thresholds = np.unique(scores)[::-1]
    rows = [
        metrics.precision_recall_fscore_support(truth, scores >= t, beta=2, average="binary", sample_weight=weight)[:3]
        for t in thresholds
    ]
    p, r, f = np.array(rows).T
    given = {"scores": scores, "truth": truth, "sampleWeight": weight, "thresholds": thresholds}
    return {**given, "precision": p, "recall": r, "fscore": f}


def macro(n, classes):
    truth, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    matrix = metrics.confusion_matrix(truth, predicted)
    return {"matrix": matrix, "f1": metrics.f1_score(truth, predicted, average="macro")}


def averages(truth, predicted, options, weight=None, labels=None, multilabel=False):
    kinds = (None, "micro", "macro", "weighted") + (("samples",) if multilabel else ())
    for beta in options["beta"]:
        for zero_division in options["zeroDivision"]:
            line = {"truth": truth, "predicted": predicted, "sampleWeight": weight, "labels": labels, "beta": beta}
            line |= {"zeroDivision": zero_division, "averages": {}}
            for average in kinds:
                p, r, f, s = metrics.precision_recall_fscore_support(
                    truth, predicted, beta=beta, average=average, sample_weight=weight, labels=labels, zero_division=zero_division
                )
                line["averages"][str(average)] = {"precision": p, "recall": r, "fscore": f}
                if average is None:
                    line["averages"]["None"]["support"] = s
            yield line


def single():
    every = {"beta": (0, 0.5, 1, 2), "zeroDivision": (0, 1, np.nan)}
    names = np.array(["viola", "cello", "violin"])
    a, b = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    yield from averages(names[a], names[np.where(rng.random(40) < 0.6, a, b)], every)
    yield from averages(a, b, every, weight=rng.random(40) + 0.1)
    yield from averages(a, b, every, labels=[2, 0])
    yield from averages([0, 0, 1, 1, 3], [0, 2, 1, 1, 1], every)
    yield from averages([0, 0, 1], [2, 2, 1], every, labels=[0, 2])


def multilabel():
    every = {"beta": (0.5, 1), "zeroDivision": (0, 1, np.nan)}
    truth, predicted = rng.integers(0, 2, (11, 4)), rng.integers(0, 2, (11, 4))
    truth[[0, 1]], predicted[[0, 2]] = 0, 0
    yield from averages(truth, predicted, every, multilabel=True)
    truth, predicted = truth.copy(), predicted.copy()
    truth[:, 3] = predicted[:, 3] = 0
    yield from averages(truth, predicted, every, weight=rng.random(11) + 0.1, multilabel=True)


def binary():
    for truth, predicted in [([0, 1, 1, 0, 1], [1, 1, 0, 0, 1]), ([0, 0, 0], [1, 0, 0]), ([2, 1, 1, 2, 2], [2, 2, 1, 2, 2])]:
        p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, average="binary")
        yield {"truth": truth, "predicted": predicted, "precision": p, "recall": r, "fscore": f}


def digits():
    """Softmax regression by gradient descent on the first 898 images, asked about the others; of the eights only some are kept."""
    x, y = load("digits")
    W, b, Y = np.zeros((64, 10)), np.zeros(10), np.eye(10)[y[:898]]
    for _ in range(100):
        error = (special.softmax(x[:898] / 16 @ W + b, axis=1) - Y) / 898
        W -= 0.5 * x[:898].T / 16 @ error
        b -= 0.5 * error.sum(0)
    truth, predicted = y[898:], (x[898:] / 16 @ W + b).argmax(1)
    kept = (truth != 8) | (np.arange(899) % 10 == 0)
    f1 = {
        average: metrics.f1_score(truth[kept], predicted[kept], average=average) for average in ("micro", "macro", "weighted")
    }
    return {"n": kept.sum(), "accuracy": metrics.accuracy_score(truth[kept], predicted[kept]), **f1}


def fails(y_true, y_pred):
    try:
        metrics.f1_score(y_true, y_pred)
    except ValueError as error:
        return type(error).__name__
    return None


def conventions():
    """The column of the note's table, as scikit-learn does it."""
    scores = metrics.precision_recall_fscore_support
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        nothing_called = scores([1, 0], [0, 0], average="binary")
    default = lambda f: inspect.signature(f).parameters["average"].default  # noqa: E731
    return {
        "nothingCalled": nothing_called,
        "warning": {w.category.__name__ for w in seen}.pop(),
        "otherTwo": fails([2, 3], [3, 2]),
        "threeClasses": fails([0, 1, 2], [0, 1, 1]),
        "averages": [default(scores), default(metrics.f1_score)],
        "weightless": scores([0, 0, 1], [2, 0, 1], labels=[2, 9], average="weighted", zero_division=1)[:3],
        "betas": [metrics.fbeta_score([1, 1, 0, 1], [1, 0, 1, 0], beta=beta) for beta in (0, np.inf)],
    }


CELLS = [(90, 10, 40), (1, 2, 3), (0, 3, 4), (7, 0, 5), (12, 5, 0), (0, 5, 0), (0, 0, 5)]
values = rng.normal(size=37)
emit(
    ["numpy", "scipy", "scikit-learn"],
    counts=[counts(*cells, beta) for cells in CELLS for beta in (0, 0.5, 1, 2)],
    sweeps=[sweep(40, 7), sweep(60, 1000), sweep(50, 9, weight=True)],
    macro=[macro(50, 3), macro(31, 4)],
    single=list(single()),
    multilabel=list(multilabel()),
    binary=list(binary()),
    digits=digits(),
    conventions=conventions(),
    quantiles={"values": values, "lower": np.quantile(values, 0.05), "upper": np.quantile(values, 0.95)},
)
