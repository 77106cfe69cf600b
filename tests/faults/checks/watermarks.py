"""The start of a log never goes back, nor does its end as clients see it (KIP-207), nor is an end below what was read."""


def check(facts):
    events = sorted((operation for operation in facts.operations if operation["kind"] == "watermarks"
                     and operation["outcome"] == "ok"), key=lambda operation: operation["begin"])
    for later_index, later in enumerate(events):
        for earlier in events[:later_index]:
            if earlier["key"] != later["key"] or earlier["end"] >= later["begin"]:
                continue
            for edge in ("low", "high"):
                if later[edge] < earlier[edge]:
                    yield (f"key {later['key']}: {edge} was {earlier[edge]} at {earlier['end']} s and "
                           f"{later[edge]} at {later['begin']} s")
