#!/usr/bin/env python3
"""Fits the constants of `src/offline_nlp/matcher/confidence.rs`.

    usher nlp evaluate --agent DIR --out-of-scope benches/nlp/out_of_scope.txt --export-measures a.json
    python3 benches/nlp/fit.py a.json b.json …

Logistic regression of known (held-out phrases) against unknown (strangers' sentences), each file and each side of it weighing the
same; then moved so that confidence is 0.3 where FALSE_REJECTIONS of the known phrases lie below, in the file with the most of them.
"""
import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

NAMES = ["margin", "nearest", "unknown"]
FALSE_REJECTIONS = 0.09


def main():
    files = [json.load(open(path, encoding="utf-8")) for path in sys.argv[1:]]
    rows, known, weights = [], [], []
    for it in files:
        for values, answer in ((it["known"], 1), (it["strangers"], 0)):
            rows += values
            known += [answer] * len(values)
            weights += [1 / len(values)] * len(values) if values else []
    weights = np.array(weights) * len(rows) / len(files) / 2
    model = LogisticRegression(C=1e3, max_iter=5000).fit(np.array(rows), known, sample_weight=weights)
    factors = model.coef_[0]
    border = min(np.quantile(np.array(it["known"]) @ factors, FALSE_REJECTIONS) for it in files)
    move = np.log(0.3 / 0.7) - border
    print(f"{move:.2f}", *(f"{factor:+.2f} * {name}" for factor, name in zip(factors, NAMES)))
    for path, it in zip(sys.argv[1:], files):
        below = lambda values: np.mean(np.array(values) @ factors < border) if values else float("nan")
        print(f"{path}: false rejections {below(it['known']):.1%}, recall {below(it['strangers']):.1%}")


if __name__ == "__main__":
    main()
