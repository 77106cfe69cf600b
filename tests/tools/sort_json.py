"""Sorts the lists in every line of a file that is JSON, in place."""

import json
import sys


def ordered(value):
    if isinstance(value, dict):
        return {key: ordered(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=json.dumps)
    return value


def line_of(line):
    try:
        return json.dumps(ordered(json.loads(line)), separators=(",", ":"))
    except ValueError:
        return line


with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
with open(sys.argv[1], "w") as file:
    file.writelines(line_of(line) + "\n" for line in lines)
