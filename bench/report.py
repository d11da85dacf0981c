#!/usr/bin/env python3
"""Renders what `./dev bench --json FILE` wrote as markdown: bench/report.py FILE [PAGE]. With a page,
puts it between the two marks there."""

import json
import pathlib
import sys

from harness import table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def render(document):
    machine = document["machine"]
    options = document["options"]
    head = (f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']} GiB, {document['time'][:10]}; "
            f"{options['resources']} resources, medians of {options['runs']} runs of {options['seconds']} s, "
            f"generator on the same cores.")
    return f"{head}\n\n{table.markdown(document)}"


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    text = render(json.loads(pathlib.Path(arguments[0]).read_text()))
    if len(arguments) == 1:
        print(text)
        return 0
    page = pathlib.Path(arguments[1])
    before, rest = page.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
