"""What was measured: samples by row, their medians, and the bars they are held to."""

import statistics


class Results:
    def __init__(self):
        self.rows = {}   # (part, what) -> {"samples": {figure: [value]}, "note": text}
        self.bars = {}   # id -> value; None: could not be measured

    def add(self, part, what, figures, note=""):
        row = self.rows.setdefault((part, what), {"samples": {}, "note": note})
        for name, value in figures.items():
            row["samples"].setdefault(name, []).append(value)

    def unavailable(self, part, what, why):
        self.rows[(part, what)] = {"samples": {}, "note": f"not available: {why}"}

    def median(self, part, what, figure):
        samples = self.rows.get((part, what), {"samples": {}})["samples"].get(figure)
        return statistics.median(samples) if samples else None

    def ratio(self, bar, part, over, under, figure="per_second", under_part=None):
        """Sets a bar to the quotient of two medians, unless one of them is missing."""
        numerator = self.median(part, over, figure)
        denominator = self.median(under_part or part, under, figure)
        if numerator is not None and denominator:
            self.bars[bar] = numerator / denominator

    def as_json(self):
        return [{"part": part, "what": what, "note": row["note"],
                 "figures": {name: statistics.median(values) for name, values in row["samples"].items()},
                 "samples": row["samples"]}
                for (part, what), row in self.rows.items()]
