"""A tuner of one's own: hill climbing on numbers, in a program that answers on stdout what it is asked on stdin.

The protocol: docs/algorithms.md, "Your own tuner". Any language will do; this one needs the standard library alone.
"""

import json
import random
import sys

space, best, better, rng = {}, None, None, random.Random()


def draw(name):
    low, high = space[name]["_value"]
    return rng.uniform(low, high)


def suggest():
    """A draw from the space at first, then a step from the best that is known."""
    if best is None or rng.random() < 0.2:
        return {name: draw(name) for name in space}
    name = rng.choice(list(space))
    low, high = space[name]["_value"]
    step = rng.gauss(0, (high - low) / 10)
    return {**best[1], name: min(high, max(low, best[1][name] + step))}


for line in sys.stdin:
    request = json.loads(line)
    answer = {"ok": True}
    if request["op"] == "init":
        space = request["searchSpace"]
        better = min if request["optimizeMode"] == "minimize" else max
        rng.seed(request["seed"])
        if any(p["_type"] != "uniform" for p in space.values()):
            answer = {"error": "this tuner searches uniform parameters alone"}
        if isinstance(request["optimizeMode"], list):
            answer = {"error": "this tuner searches for one goal"}
    elif request["op"] == "ask":
        answer = {"id": request["id"], "params": suggest()}
    elif request["op"] == "tell" and request["status"] == "ok" and not any(request.get("violations", [])):
        told = (request["value"], request["params"])
        best = told if best is None else better(best, told, key=lambda one: one[0])
    print(json.dumps(answer), flush=True)
print("the experiment has ended; the best was", best, file=sys.stderr)
