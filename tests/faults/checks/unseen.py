"""The last readers reach the end of every partition."""


def check(facts):
    finals = [operation for operation in facts.operations if operation["kind"] == "final"]
    if not finals:
        yield "nobody read everything in the end"
    for operation in finals:
        if operation["outcome"] != "ok":
            yield f"{operation['process']} did not reach the end of every partition"
