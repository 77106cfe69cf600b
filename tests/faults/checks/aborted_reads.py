"""Nobody reads what was refused or aborted, nor what nobody wrote, nor a transaction before its commit was asked for."""


def check(facts):
    for operation in facts.operations:
        if operation.get("isolation") == "read_uncommitted":
            continue
        for key, records in facts.polls(operation):
            for offset, value in records:
                writer = facts.writer.get((key, value))
                where = f"key {key} offset {offset} value {value}, read by {operation['process']} at {operation['end']} s"
                if writer is None:
                    yield f"{where}: nobody wrote it"
                elif writer["outcome"] == "fail":
                    yield f"{where}: its writer failed or aborted"
                elif writer["kind"] == "txn" and operation is not writer and operation["end"] < writer.get("commit", 0):
                    yield f"{where}: its transaction was not committed before {writer['commit']} s"
