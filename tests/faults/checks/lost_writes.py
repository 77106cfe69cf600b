"""What was acknowledged, or what somebody has read, is there in the end."""


def check(facts):
    visible = {(key, value) for key, records in facts.final.items() for value in records.values()}
    for (key, value), operation in sorted(facts.writer.items()):
        if (key, value) in visible:
            continue
        if operation["outcome"] == "ok":
            yield f"key {key} value {value} was acknowledged at {operation['end']} s and is not there"
        elif operation["outcome"] == "info" and (key, value) in facts.seen:
            yield f"key {key} value {value} was read once and is not there"
