"""Confusion matrices and every metric by scikit-learn; Wilson's interval and normal tails by SciPy."""

import warnings

import numpy as np
from oracle import emit, load
from scipy import special, stats
from sklearn import metrics

warnings.simplefilter("ignore")  # the undefined ratios are wanted
rng = np.random.default_rng(20265)


def softmax_regression(x, y, classes, lr, steps):
    """Full-batch gradient descent from zero weights and intercept on the mean cross-entropy."""
    W, b, Y = np.zeros((x.shape[1], classes)), np.zeros(classes), np.eye(classes)[y]
    for _ in range(steps):
        error = (special.softmax(x @ W + b, axis=1) - Y) / len(x)
        W -= lr * x.T @ error
        b -= lr * error.sum(0)
    return W, b


def digits():
    """Trained on the first 898 images, asked about the last 899."""
    x, y = load("digits")
    W, b = softmax_regression(x[:898] / 16, y[:898], 10, lr=0.5, steps=100)
    probabilities = special.softmax(x[898:] / 16 @ W + b, axis=1)
    return y[898:], probabilities


def scores(truth, predicted, labels=None, sample_weight=None):
    given = {"y_true": truth, "y_pred": predicted, "sample_weight": sample_weight}
    result = {
        "truth": truth,
        "predicted": predicted,
        "labels": labels,
        "sampleWeight": sample_weight,
        "matrix": metrics.confusion_matrix(**given, labels=labels),
        "normalized": {by: metrics.confusion_matrix(**given, labels=labels, normalize=by) for by in ("true", "pred", "all")},
        "accuracy": metrics.accuracy_score(**given),
        "mcc": metrics.matthews_corrcoef(**given),
        "balancedAccuracy": metrics.balanced_accuracy_score(**given),
        "adjusted": metrics.balanced_accuracy_score(**given, adjusted=True),
    }
    result["kappa"] = {
        str(weights): metrics.cohen_kappa_score(truth, predicted, labels=labels, weights=weights, sample_weight=sample_weight)
        for weights in (None, "linear", "quadratic")
    }
    names = sorted(set(truth) | set(predicted)) if labels is None else labels
    for name, zero_division in (("report0", 0), ("report1", 1), ("reportNaN", np.nan)):
        report = {"classes": {}}
        p, r, f, s = metrics.precision_recall_fscore_support(**given, labels=names, zero_division=zero_division)
        report["classes"] = [{"precision": p[k], "recall": r[k], "f1": f[k], "support": s[k]} for k in range(len(names))]
        for average in ("macro", "weighted"):
            p, r, f, _ = metrics.precision_recall_fscore_support(
                **given, labels=names, average=average, zero_division=zero_division
            )
            report[average] = {"precision": p, "recall": r, "f1": f}
        result[name] = report
    return result


def cases(truth, probabilities):
    predicted = probabilities.argmax(1)
    yield "digits", scores(truth.tolist(), predicted.tolist())
    some = rng.permutation(len(truth))[:60]
    weight = rng.random(60) + 0.1
    yield "digits, weighted", scores(truth[some].tolist(), predicted[some].tolist(), sample_weight=weight)
    yield "digits, another order", scores(truth[some].tolist(), predicted[some].tolist(), labels=[3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    names = np.array(["viola", "cello", "violin"])
    a, b = rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    yield "texts", scores(names[a].tolist(), names[np.where(rng.random(40) < 0.6, a, b)].tolist())
    yield "a class never predicted", scores([0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 1, 0, 1, 0])
    yield "a class only predicted", scores([0, 0, 1, 1, 1], [0, 2, 1, 1, 2])
    yield "a class in neither", scores([0, 0, 2, 2, 2], [0, 2, 2, 2, 0], labels=[0, 1, 2])
    yield "one class only", scores([1, 1, 1], [1, 1, 1])
    yield "constant predictor", scores([0, 0, 0, 1, 2], [0, 0, 0, 0, 0])
    yield "negative integers", scores([-1, 1, 1, -1, 1, 1, 1], [-1, 1, -1, 1, 1, 1, 1])


BINARY = [
    (90, 10, 40, 860), (50, 50, 50, 850), (860, 40, 10, 90), (1, 2, 3, 4), (7, 0, 5, 2), (0, 3, 4, 9), (12, 5, 0, 3),
    (5, 5, 5, 5), (3, 0, 0, 4), (0, 3, 4, 0), (10, 5, 0, 0), (0, 0, 5, 10), (0, 5, 0, 10), (5, 0, 10, 0), (1000003, 17, 23, 999331),
]


def binary(tp, fn, fp, tn):
    truth, predicted = np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0])
    given = {"y_true": truth, "y_pred": predicted, "sample_weight": np.array([tp, fn, fp, tn])}
    positive = {"labels": [0, 1], "average": None, "zero_division": np.nan}
    p, r, f, _ = metrics.precision_recall_fscore_support(**given, **positive)
    return {
        "cells": [tp, fn, fp, tn],
        "accuracy": metrics.accuracy_score(**given),
        "sensitivity": r[1],
        "specificity": r[0],
        "precision": p[1],
        "npv": p[0],
        "f1": f[1],
        "informedness": r[1] + r[0] - 1,
        "markedness": p[1] + p[0] - 1,
        "mcc": metrics.matthews_corrcoef(**given),
        "kappa": metrics.cohen_kappa_score(truth, predicted, sample_weight=np.array([tp, fn, fp, tn])),
    }


def likelihood_ratios():
    for tp, fn, fp, tn in [(90, 10, 40, 860), (1, 2, 3, 4), (7, 0, 5, 2), (7, 3, 0, 5)]:
        truth, predicted = np.repeat([1, 1, 0, 0], [tp, fn, fp, tn]), np.repeat([1, 0, 1, 0], [tp, fn, fp, tn])
        positive, negative = metrics.class_likelihood_ratios(truth, predicted)
        yield {"cells": [tp, fn, fp, tn], "positive": positive, "negative": negative}


def wilson():
    for successes, n in [(0, 100), (1, 1), (0, 1), (3, 10), (17, 23), (899, 899), (830, 899), (5, 100000), (99999, 100000)]:
        for level in (0.5, 0.9, 0.95, 0.99, 0.999999):
            low, high = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
            yield {"successes": successes, "n": n, "level": level, "lower": low, "upper": high}


def binormal():
    for threshold, separation, prevalence in [(1, 2, 0.5), (-0.7, 1.3, 0.2), (3, 0, 0.01), (8, 2, 0.9), (-12, 1, 0.4)]:
        positive, negative = stats.norm(separation), stats.norm(0)
        yield {
            "threshold": threshold,
            "separation": separation,
            "prevalence": prevalence,
            "tp": prevalence * positive.sf(threshold),
            "fn": prevalence * positive.cdf(threshold),
            "fp": (1 - prevalence) * negative.sf(threshold),
            "tn": (1 - prevalence) * negative.cdf(threshold),
        }


def thresholds(truth, probabilities):
    """Is it an 8? Counts of the decisions probability ≥ threshold."""
    for threshold in (0.1, 0.25, 0.5, 0.9):
        tn, fp, fn, tp = metrics.confusion_matrix(truth == 8, probabilities[:, 8] >= threshold).ravel()
        yield {"threshold": threshold, "cells": [tp, fn, fp, tn]}


truth, probabilities = digits()
emit(
    ["numpy", "scipy", "scikit-learn"],
    scores={name: value for name, value in cases(truth, probabilities)},
    binary=[binary(*cells) for cells in BINARY],
    likelihoodRatios=list(likelihood_ratios()),
    wilson=list(wilson()),
    binormal=list(binormal()),
    dropped=metrics.confusion_matrix([0, 0, 1, 2, 2], [0, 2, 1, 1, 2], labels=[0, 1]),
    eights=list(thresholds(truth, probabilities)),
)
