"""After everything is mended, every kind of operation succeeds within a minute."""

LIMIT = 60


def check(facts):
    healed = next((operation["end"] for operation in facts.operations if operation["kind"] == "healed"), None)
    if healed is None:
        return
    later = [operation for operation in facts.operations if operation["begin"] >= healed]
    kinds = {operation["kind"] for operation in facts.operations} - {"healed", "crash", "final"}
    for kind in sorted(kinds):
        if not any(operation["kind"] == kind and operation["outcome"] == "ok" and operation["end"] <= healed + LIMIT
                   for operation in later):
            yield f"no {kind} succeeded within {LIMIT} s of the end of all faults"
