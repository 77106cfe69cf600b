"""What must hold of a history: one file for each property, each with a function `check(facts)` that gives its violations.

`EXPECTED` are the properties that hold on Apache Kafka too and fail a run; `REPORTED` are rates to compare.
"""

from . import (aborted_reads, commits, cycles, duplicates, inconsistent_offsets, liveness, lost_writes, poll_order,
               send_order, unseen, watermarks)

EXPECTED = [inconsistent_offsets, duplicates, lost_writes, unseen, aborted_reads, poll_order, send_order, watermarks,
            commits, liveness]
REPORTED = [cycles]


def name_of(check):
    return check.__name__.rpartition(".")[2].replace("_", "-")
