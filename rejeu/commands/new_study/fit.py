"""Tell the class of points by their nearest neighbours: one experiment, one seed.

Called with the path of a JSON file: settings, seed, inputs, and the folder for what it writes.
"""

import csv
import json
import math
import random
import sys
from pathlib import Path

asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
settings = asked["settings"]

with Path(asked["inputs"]["points"]["points.csv"]).open(encoding="utf-8") as stream:
    rows = [((float(r["x"]), float(r["y"])), int(r["label"])) for r in csv.DictReader(stream)]
random.Random(asked["seed"]).shuffle(rows)
cut = round(len(rows) * settings["test_share"])
test, train = rows[:cut], rows[cut:]

right = 0
for point, label in test:
    nearest = sorted(train, key=lambda row: math.dist(row[0], point))[: settings["neighbours"]]
    votes = sum(other for _, other in nearest)
    right += (2 * votes > len(nearest)) == (label == 1)

metrics = {"accuracy": right / len(test), "rows": len(rows)}
Path(asked["output"], "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
