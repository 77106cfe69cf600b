"""Faults on real processes: three nodes, clients that write and read, and a judge of what they saw.

Run by `cargo xtask faults`; see README.md beside this file.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import nemesis
from checks import EXPECTED, REPORTED, name_of
from checks.facts import Facts
from cluster import Cluster
from history import History
from workload import Client, Keys, create_topics, read_all

CLIENTS = 5
#: How long the clients go on after all is mended, so that every kind of operation comes.
CALM = 20


def main():
    arguments = parse()
    if arguments.judge:
        sys.exit(1 if judge(History.load(arguments.judge)) else 0)
    folder = Path(arguments.folder)
    history, faults, statuses = run(arguments, folder)
    history.save(folder / "history.jsonl.gz")
    violations = judge(history)
    outcomes = {}
    for operation in history.operations:
        kinds = outcomes.setdefault(operation["kind"], {})
        kinds[operation["outcome"]] = kinds.get(operation["outcome"], 0) + 1
    summary = {"seed": arguments.seed, "seconds": arguments.seconds, "transactional": arguments.transactional,
               "operations": outcomes, "faults": faults, "statuses": statuses, "violations": violations}
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    for kind, counts in sorted(outcomes.items()):
        print(f"{kind:12} " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    sys.exit(1 if violations else 0)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--format", help="the words of the command that formats a node")
    parser.add_argument("--start", help="the words of the command that starts a node")
    parser.add_argument("--folder", help="where the nodes, the history and the summary go")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transactional", action="store_true")
    parser.add_argument("--faults", default="all", help=f"all, none, or some of {','.join(nemesis.ALL)}")
    parser.add_argument("--judge", help="only judge a history that was kept")
    return parser.parse_args()


def run(arguments, folder):
    cluster = Cluster(folder, arguments.format.split(), arguments.start.split())
    history, keys, clients = History(), Keys(), []
    try:
        create_topics(cluster)
        clients = [Client(number, cluster.servers(), history, keys, arguments.seed, arguments.transactional)
                   for number in range(CLIENTS)]
        for client in clients:
            client.start()
        names = [] if arguments.faults == "none" else \
            list(nemesis.ALL) if arguments.faults == "all" else arguments.faults.split(",")
        if names:
            faults = nemesis.rage(cluster, arguments.seconds, arguments.seed, names, print_now)
        else:
            faults = []
            time.sleep(arguments.seconds)
        cluster.heal()
        print_now(f"whole again after {cluster.wait_until_whole():.1f} s")
        history.add(process="nemesis", kind="healed", begin=history.now(), end=history.now(), outcome="ok")
        time.sleep(CALM)
        for client in clients:
            client.stopped.set()
        for client in clients:
            client.join(90)
            if client.is_alive() or client.defect:
                raise RuntimeError(f"client {client.number} did not end well: {client.defect}")
        for isolation in ("read_uncommitted", "read_committed"):
            read_all(cluster.servers(), history, keys.used(), isolation)
    finally:
        statuses = cluster.close()
    return history, faults, statuses


def judge(history):
    facts, violations = Facts(history.operations), {}
    for check in EXPECTED + REPORTED:
        found = list(check.check(facts))
        verdict = "ok" if not found else "reported" if check in REPORTED else "VIOLATED"
        print(f"{name_of(check):22} {verdict}" + (f" ({len(found)})" if found else ""))
        for text in found[:5]:
            print(f"    {text}")
        if found and check in EXPECTED:
            violations[name_of(check)] = found[:50]
    return violations


def print_now(text):
    print(text, flush=True)


main()
