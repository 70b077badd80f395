"""Precision, recall, F_beta, and whole threshold sweeps by scikit-learn."""

import warnings

import numpy as np
from oracle import emit
from sklearn import metrics

warnings.simplefilter("ignore")  # the undefined ratios are wanted
rng = np.random.default_rng(20266)


def counts(tp, fn, fp, beta):
    truth, predicted = np.repeat([1, 1, 0], [tp, fn, fp]), np.repeat([1, 0, 1], [tp, fn, fp])
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, beta=beta, average="binary", zero_division=0)
    return {"cells": [tp, fn, fp], "beta": beta, "precision": p, "recall": r, "fscore": f}


def sweep(n, levels):
    scores, truth = rng.integers(0, levels, n) / levels, rng.integers(0, 2, n)
    thresholds = np.unique(scores)[::-1]
    rows = [metrics.precision_recall_fscore_support(truth, scores >= t, beta=2, average="binary")[:3] for t in thresholds]
    p, r, f = np.array(rows).T
    return {"scores": scores, "truth": truth, "thresholds": thresholds, "precision": p, "recall": r, "fscore": f}


def macro(n, classes):
    truth, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    matrix = metrics.confusion_matrix(truth, predicted)
    return {"matrix": matrix, "f1": metrics.f1_score(truth, predicted, average="macro")}


CELLS = [(90, 10, 40), (1, 2, 3), (0, 3, 4), (7, 0, 5), (12, 5, 0), (0, 5, 0), (0, 0, 5)]
emit(
    ["numpy", "scikit-learn"],
    counts=[counts(*cells, beta) for cells in CELLS for beta in (0.5, 1, 2)],
    sweeps=[sweep(40, 7), sweep(60, 1000)],
    macro=[macro(50, 3), macro(31, 4)],
)
