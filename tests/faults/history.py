"""What the clients did and saw: one operation a line, in the order of their ends.

An operation has: process (a client's life; a crash begins a new one), kind, begin and end (seconds since the start of the
run), outcome (ok, fail: surely not done, info: nobody knows), and its micro operations:
["send", key, [offset, value]] (offset None where it is not known) and ["poll", {key: [[offset, value] ...]}].
"""

import gzip
import json
import threading
import time


class History:
    def __init__(self):
        self.operations, self.lock = [], threading.Lock()
        self.zero = time.monotonic()

    def now(self):
        return round(time.monotonic() - self.zero, 4)

    def add(self, **operation):
        with self.lock:
            self.operations.append(operation)

    def save(self, path):
        with gzip.open(path, "wt") as file:
            for operation in self.operations:
                file.write(json.dumps(operation, separators=(",", ":")) + "\n")

    @staticmethod
    def load(path):
        history = History()
        with gzip.open(path, "rt") as file:
            history.operations = [with_integer_keys(json.loads(line)) for line in file]
        return history


def with_integer_keys(operation):
    """JSON has made strings of the keys of maps."""
    for micro in operation.get("micro", []):
        if micro[0] == "poll":
            micro[1] = {int(key): records for key, records in micro[1].items()}
    for field in ("offsets", "ends"):
        if field in operation:
            operation[field] = {int(key): value for key, value in operation[field].items()}
    return operation
