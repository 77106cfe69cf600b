"""A producer's acknowledged records of one partition lie in the order in which it sent them."""


def check(facts):
    last = {}
    for operation in facts.operations:
        if operation["outcome"] != "ok":
            continue
        for _, key, (offset, value), *_ in facts.sends(operation):
            before = last.get((operation["process"], key))
            if before is not None and offset <= before[0]:
                yield f"{operation['process']}: key {key} value {value} is at {offset}, {before[1]} before it at {before[0]}"
            last[operation["process"], key] = offset, value
