"""What the checks share: who wrote what, who saw what where, and the order of each key's values."""

from collections import defaultdict


class Facts:
    def __init__(self, operations):
        self.operations = operations
        #: (key, value) -> the operation that wrote it, or tried to.
        self.writer = {}
        #: key -> {offset -> set of values}, by acknowledgements of writes that took effect and by every poll.
        self.places = defaultdict(lambda: defaultdict(set))
        #: (key, value) of everything that any poll has returned as committed.
        self.seen = set()
        #: key -> {offset -> value} of the last reading of everything, read_committed.
        self.final = defaultdict(dict)
        for operation in operations:
            self._note(operation)

    def _note(self, operation):
        for micro in operation.get("micro", []):
            if micro[0] == "send":
                _, key, (offset, value) = micro[:3]
                self.writer[key, value] = operation
                if offset is not None:
                    self.places[key][offset].add(value)
            else:
                for key, records in micro[1].items():
                    for offset, value in records:
                        self.places[key][offset].add(value)
                        if operation.get("isolation") != "read_uncommitted":
                            self.seen.add((key, value))
                        if is_final(operation):
                            self.final[key][offset] = value

    def order(self, key):
        """The visible values of a key in the order of their offsets."""
        return [value for _, value in sorted(self.final[key].items())]

    def polls(self, operation):
        """(key, records) of what one operation has read, joined over its polls."""
        joined = defaultdict(list)
        for micro in operation.get("micro", []):
            if micro[0] == "poll":
                for key, records in micro[1].items():
                    joined[key] += records
        return joined.items()

    def sends(self, operation):
        return [micro for micro in operation.get("micro", []) if micro[0] == "send"]


def is_final(operation):
    return operation["kind"] == "final" and operation["isolation"] == "read_committed"
