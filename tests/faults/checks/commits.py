"""What a group committed last is what it finds, from whichever coordinator. Each group here has one member at a time."""


def check(facts):
    possible = {}  # (group, key) -> offsets that may be found
    for operation in facts.operations:
        group = operation["process"].split(".")[0]
        offsets = operation.get("offsets", {})
        if operation["kind"] in ("commit", "txn"):
            for key, offset in offsets.items():
                if operation["outcome"] == "ok":
                    possible[group, key] = {offset}
                elif operation["outcome"] == "info":
                    possible.setdefault((group, key), {-1}).add(offset)
        elif operation["kind"] == "committed" and operation["outcome"] == "ok":
            for key, offset in offsets.items():
                allowed = possible.get((group, key), {-1})
                if offset not in allowed:
                    yield f"group {group} finds {offset} for key {key} at {operation['end']} s, committed was {sorted(allowed)}"
