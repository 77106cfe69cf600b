"""A consumer whose assignment is unbroken sees a key's values in the order of the log, none left out."""


def check(facts):
    order = {key: {value: index for index, value in enumerate(facts.order(key))} for key in facts.final}
    last = {}  # (process, key) -> index of the value that was read last
    for operation in facts.operations:
        process = operation["process"]
        # What a transaction has read counts only if the consumer was not rewound after it.
        if operation["kind"] == "assign" or operation.get("reset"):
            continue  # It goes on where it was: positions are kept by key.
        rewound = operation["kind"] == "txn" and operation["outcome"] != "ok"
        for key, records in facts.polls(operation):
            at = last.get((process, key))
            if at is None and operation["kind"] != "final":
                at = -1  # Every process begins at offset 0.
            for offset, value in records:
                index = order.get(key, {}).get(value)
                if index is None:
                    continue  # Lost or aborted: another check tells.
                if at is not None and index != at + 1:
                    kind = "skips from" if index > at else "goes back from"
                    yield f"{process} at {operation['end']} s {kind} index {at} to {index} of key {key} (offset {offset})"
                at = index
            if not rewound:
                last[process, key] = at
