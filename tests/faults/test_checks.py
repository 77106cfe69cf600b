"""The judge is judged: each check has a history that it must find fault with, and one that it must pass."""

import unittest

import checks
from checks.facts import Facts


def op(kind, outcome="ok", at=1.0, process="1.0", **fields):
    return {"process": process, "kind": kind, "begin": at, "end": at + 0.1, "outcome": outcome, **fields}


def send(value, offset, outcome="ok", at=1.0, kind="send", **fields):
    return op(kind, outcome, at, micro=[["send", 7, [offset, value]]], **fields)


def poll(*records, at=2.0, process="2.0", kind="poll", **fields):
    return op(kind, "ok", at, process, micro=[["poll", {7: [list(record) for record in records]}]], **fields)


def final(*records, outcome="ok"):
    return op("final", outcome, 9.0, "final", isolation="read_committed",
              micro=[["poll", {7: [list(record) for record in records]}]])


GOOD = [send(1, 0), send(2, 1, at=1.5), poll((0, 1), (1, 2)), op("commit", at=3.0, offsets={7: 2}),
        op("committed", at=4.0, offsets={7: 2}), op("watermarks", at=4.0, key=7, low=0, high=2),
        op("watermarks", at=5.0, key=7, low=0, high=2), final((0, 1), (1, 2))]

BAD = {
    "inconsistent-offsets": [send(1, 0), poll((0, 2)), final((0, 1))],
    "duplicates": [send(1, 0), final((0, 1), (1, 1))],
    "lost-writes": [send(1, 0), send(2, 1), final((0, 1))],
    "unseen": [send(1, 0), final(outcome="info")],
    "aborted-reads": [send(1, None, "fail"), final((0, 1))],
    "poll-order": [send(1, 0), send(2, 1), poll((1, 2)), final((0, 1), (1, 2))],
    "send-order": [send(1, 1), send(2, 0, at=1.5), final((0, 2), (1, 1))],
    "watermarks": [op("watermarks", at=1.0, key=7, low=0, high=5), op("watermarks", at=2.0, key=7, low=0, high=4)],
    "commits": [op("commit", at=1.0, offsets={7: 5}), op("committed", at=2.0, offsets={7: 4})],
    "liveness": [send(1, 0), op("healed", at=2.0), send(2, None, "info", at=3.0)],
}

MORE = {
    "a value that nobody wrote": ("aborted-reads", [final((0, 1))]),
    "a transaction seen before its commit": ("aborted-reads", [
        send(1, 0, at=3.0, kind="txn", commit=5.0), poll((0, 1), at=4.0), final((0, 1))]),
    "an unknown write that was seen and is gone": ("lost-writes", [send(1, None, "info"), poll((0, 1)), final()]),
    "a consumer that goes back": ("poll-order", [
        send(1, 0), send(2, 1), poll((0, 1), (1, 2)), poll((0, 1), at=3.0), final((0, 1), (1, 2))]),
    "an offset that was never committed": ("commits", [op("committed", offsets={7: 3})]),
    "a log whose start goes back": ("watermarks", [
        op("watermarks", at=1.0, key=7, low=3, high=5), op("watermarks", at=2.0, key=7, low=0, high=5)]),
}


def run(history):
    facts = Facts(history)
    return {checks.name_of(check): list(check.check(facts)) for check in checks.EXPECTED}


class Checks(unittest.TestCase):
    def test_a_good_history_passes(self):
        self.assertEqual({name: found for name, found in run(GOOD).items() if found}, {})

    def test_each_check_finds_what_it_is_for(self):
        self.assertEqual(set(BAD), {checks.name_of(check) for check in checks.EXPECTED})
        for name, history in BAD.items():
            with self.subTest(name):
                self.assertTrue(run(history)[name])

    def test_more_faults(self):
        for text, (name, history) in MORE.items():
            with self.subTest(text):
                self.assertTrue(run(history)[name])

    def test_an_unknown_write_may_be_there_or_not(self):
        for last in (final(), final((0, 1))):
            self.assertFalse(any(run([send(1, None, "info"), last]).values()))

    def test_an_unknown_transaction_that_was_aborted_is_still_in_the_log(self):
        uncommitted = op("final", "ok", 9.0, "final", isolation="read_uncommitted", micro=[["poll", {7: [[0, 1]]}]])
        self.assertFalse(any(run([send(1, 0, "info", kind="txn", commit=0.5), uncommitted, final()]).values()))

    def test_an_unknown_commit_may_count_or_not(self):
        for found in (5, 6):
            history = [op("commit", at=1.0, offsets={7: 5}), op("commit", "info", at=2.0, offsets={7: 6}),
                       op("committed", at=3.0, offsets={7: found})]
            self.assertFalse(run(history)["commits"])

    def test_cycles_are_counted(self):
        one = op("txn", micro=[["send", 7, [0, 1]], ["send", 8, [1, 2]]], commit=0.5)
        two = op("txn", micro=[["send", 7, [1, 2]], ["send", 8, [0, 1]]], commit=0.5)
        last = op("final", at=9.0, isolation="read_committed",
                  micro=[["poll", {7: [[0, 1], [1, 2]], 8: [[0, 1], [1, 2]]}]])
        found = list(checks.cycles.check(Facts([one, two, last])))
        self.assertEqual(found, ["G0: a component of 2 transactions"])


if __name__ == "__main__":
    unittest.main()
