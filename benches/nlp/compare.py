#!/usr/bin/env python3
"""TF-IDF with a linear classifier on the folds of `usher nlp evaluate`, beside Usher's own figures.

    usher nlp evaluate --agent DIR --export-folds folds.json --json > usher.json
    python3 benches/nlp/compare.py folds.json usher.json

Of LinearSVC and LogisticRegression, over words, pieces of words and both, at several ranges of n-grams and costs, each is measured
on the very folds, and the best is taken: chosen with a look at the answers, which favours it.
"""
import itertools
import json
import sys
import warnings

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

warnings.filterwarnings("ignore")


def words(longest):
    return TfidfVectorizer(analyzer="word", ngram_range=(1, longest), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")


def pieces(longest):
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, longest), sublinear_tf=True)


FEATURES = {
    "words 1-1": lambda: words(1),
    "words 1-2": lambda: words(2),
    "words 1-3": lambda: words(3),
    "pieces 2-4": lambda: pieces(4),
    "pieces 2-5": lambda: pieces(5),
    "words 1-2 + pieces 2-4": lambda: make_union(words(2), pieces(4)),
    "words 1-2 + pieces 2-5": lambda: make_union(words(2), pieces(5)),
}
CLASSIFIERS = {"LinearSVC": lambda cost: LinearSVC(C=cost), "LogisticRegression": lambda cost: LogisticRegression(C=cost, max_iter=300)}
COSTS = {"LinearSVC": [0.3, 1, 3, 10, 30], "LogisticRegression": [10, 100, 1000]}


def accuracy(phrases, count, features, classifier):
    by_fold = []
    for fold in range(count):
        train = [it for it in phrases if it["fold"] != fold]
        asked = [it for it in phrases if it["fold"] == fold]
        model = make_pipeline(features(), classifier())
        model.fit([it["text"] for it in train], [it["intent"] for it in train])
        answers = model.predict([it["text"] for it in asked])
        by_fold.append(sum(answer == it["intent"] for answer, it in zip(answers, asked)))
    return sum(by_fold) / len(phrases)


def main():
    folds = json.load(open(sys.argv[1], encoding="utf-8"))
    quick = "--quick" in sys.argv
    rows = []
    for (name, features), kind in itertools.product(FEATURES.items(), CLASSIFIERS):
        if quick and kind == "LogisticRegression":
            continue
        for cost in COSTS[kind]:
            share = accuracy(folds["phrases"], folds["folds"], features, lambda: CLASSIFIERS[kind](cost))
            rows.append((share, f"{kind}, {name}, C={cost}"))
            print(f"{share:8.2%}  {rows[-1][1]}", flush=True)
    best, name = max(rows)
    print(f"\nscikit-learn, best of {len(rows)}: {best:.2%} ({name})")
    if len(sys.argv) > 2 and sys.argv[2].endswith(".json"):
        usher = json.load(open(sys.argv[2], encoding="utf-8"))
        print(f"usher:                     {usher['accuracy']:.2%} ({usher['phrases']} phrases, {usher['intents']} intents)")


if __name__ == "__main__":
    main()
