"""Writes the PromQL expressions of Grafana dashboards as recording rules, which promtool can parse, and checks that they use metrics
that exist. Called by scripts/check-alerts."""

import json
import re
import sys


def expressions(node):
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions(value)
    elif isinstance(node, list):
        for item in node:
            yield from expressions(item)


def main(rules, *dashboards):
    found = []
    for dashboard in dashboards:
        with open(dashboard, encoding="utf-8") as file:
            found += expressions(json.load(file))
    with open(rules, "w", encoding="utf-8") as file:
        lines = [
            {"record": f"dashboard:expression:{number}", "expr": text.replace("$__rate_interval", "1m").replace("$sender", ".*")}
            for number, text in enumerate(found)
        ]
        # JSON is YAML.
        json.dump({"groups": [{"name": "dashboards", "rules": lines}]}, file)
    left = [text for text in found if re.search(r"\$(?!__rate_interval|sender)", text)]
    if left or len(found) < 20:
        sys.exit(f"{len(found)} expressions; unknown variables in {left}")


main(*sys.argv[1:])
