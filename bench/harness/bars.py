"""The bars of bench/bars.json: what each figure has to reach, and which misses are known."""

import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parents[1] / "bars.json"


def judge(values, parts):
    """A verdict per bar of `parts`: stretch, met, missed (with its reason), MISSED or not measured."""
    judged = []
    for bar in json.loads(FILE.read_text()):
        if bar["id"].split("/")[0] not in parts:
            continue
        value = values.get(bar["id"])
        judged.append({**bar, "value": value, "verdict": verdict(bar, value)})
    return judged


def verdict(bar, value):
    if value is None:
        return "not measured"
    reaches = (lambda limit: value >= limit) if bar["better"] == "more" else (lambda limit: value <= limit)
    if reaches(bar["stretch"]):
        return "stretch"
    if reaches(bar["at_least"]):
        return "met"
    return "missed" if bar.get("missed") else "MISSED"


def failures(judged):
    """Bars that end a check: missed or not measured without a reason on file."""
    return [bar for bar in judged
            if bar["verdict"] == "MISSED" or (bar["verdict"] == "not measured" and not bar.get("missed"))]
