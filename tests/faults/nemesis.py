"""The faults: one at a time, drawn by chance from a seed, each mended before the next begins."""

import random
import time


def one_of(cluster, chance):
    return chance.choice(cluster.nodes)


def others(cluster, node):
    return [host for host in cluster.network.hosts if host not in (0, node.number)]


def kill(cluster, chance):
    node = one_of(cluster, chance)
    node.kill()
    return f"kill -9 node {node.number}"


def pause(cluster, chance):
    node = one_of(cluster, chance)
    node.pause()
    return f"SIGSTOP node {node.number}"


def restart(cluster, chance):
    node = one_of(cluster, chance)
    status = node.stop()
    return f"SIGTERM node {node.number}, status {status}"


def kill_all(cluster, chance):
    for node in cluster.nodes:
        node.kill()
    return "kill -9 of every node"


def isolate(cluster, chance):
    """One node sees neither the others nor the clients."""
    node = one_of(cluster, chance)
    for host in cluster.network.hosts:
        if host != node.number:
            cluster.network.break_way(host, node.number, drop=True)
            cluster.network.break_way(node.number, host, drop=True)
    return f"isolate node {node.number}"


def isolate_from_nodes(cluster, chance):
    """One node sees the clients, but not the other nodes."""
    node = one_of(cluster, chance)
    for host in others(cluster, node):
        cluster.network.break_way(host, node.number, drop=True)
        cluster.network.break_way(node.number, host, drop=True)
    return f"isolate node {node.number} from the other nodes"


def cut_pair(cluster, chance):
    """Two nodes do not see each other; the third sees both."""
    one, two = chance.sample([node.number for node in cluster.nodes], 2)
    cluster.network.break_way(one, two, drop=True)
    cluster.network.break_way(two, one, drop=True)
    return f"cut nodes {one} and {two}"


def one_way(cluster, chance):
    """What a node sends to the others is lost; what they send arrives."""
    node = one_of(cluster, chance)
    for host in others(cluster, node):
        cluster.network.break_way(node.number, host, drop=True)
    return f"one-way partition of node {node.number}"


def loss(cluster, chance):
    share = chance.choice([0.02, 0.1, 0.3])
    for source in cluster.network.hosts:
        for target in cluster.network.hosts:
            cluster.network.break_way(source, target, loss=share)
    return f"lose {share:.0%} of all packets"


def delay(cluster, chance):
    node, most = one_of(cluster, chance), chance.choice([0.05, 0.3, 1.0])
    for host in others(cluster, node):
        cluster.network.break_way(host, node.number, delay=[0, most])
        cluster.network.break_way(node.number, host, delay=[0, most])
    return f"delay packets of node {node.number} by up to {most} s"


def fill_disk(cluster, chance):
    node = one_of(cluster, chance)
    node.fill_disk()
    return f"fill the disk of node {node.number}"


ALL = {act.__name__: act for act in (
    kill, pause, restart, kill_all, isolate, isolate_from_nodes, cut_pair, one_way, loss, delay, fill_disk)}


def rage(cluster, seconds, seed, names, tell):
    """Breaks and mends until the time is over; what was done, as (second, text)."""
    chance, started, done = random.Random(f"nemesis {seed}"), time.monotonic(), []

    def note(text):
        done.append([round(time.monotonic() - started, 1), text])
        tell(f"{done[-1][0]:7.1f} s  {text}")

    bag = []
    while time.monotonic() - started < seconds:
        time.sleep(chance.uniform(2, 6))
        if not bag:  # Each kind comes once before any comes again.
            bag = list(names)
            chance.shuffle(bag)
        note(ALL[bag.pop()](cluster, chance))
        time.sleep(chance.choice([1, 4, 8, 15]))
        cluster.heal()
        note("heal")
    return done
