"""The network between the nodes: an Ethernet switch in user space, one tap device for each host.

A host is a network namespace (nodes 1, 2, 3 ...) or the namespace of the test itself (host 0, the clients). Every frame
passes through here, so a fault is a rule on the way from one host to another: dropped, lost with a probability, or late.
Rules are one-way; a partition is two of them.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000
MTU = 9000
#: Frames that wait for their time. What comes beyond it is lost, as in any switch.
QUEUE_MAX = 50_000


def ip(*words, namespace=None):
    """Runs one `ip` command, in a namespace if one is named."""
    inside = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *inside, *map(str, words)], check=True)


def namespace_of(run, host):
    return f"klamm{run}n{host}"


def address_of(run, host):
    """Host 0 has .254, node n has .n."""
    return f"10.{100 + run % 100}.0.{host or 254}"


class Network:
    """Makes the namespaces, runs the switch in a child process and tells it what to break."""

    def __init__(self, run, nodes):
        self.run, self.hosts = run, range(nodes + 1)
        self.rules = {}
        taps = []
        for host in self.hosts:
            name = f"klamm{run}t{host}"
            tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
            taps.append(tap)
            namespace = None
            if host:
                namespace = namespace_of(run, host)
                ip("netns", "add", namespace)
                ip("link", "set", name, "netns", namespace)
                ip("link", "set", "lo", "up", namespace=namespace)
            ip("link", "set", name, "mtu", MTU, "up", namespace=namespace)
            ip("addr", "add", f"{address_of(run, host)}/24", "dev", name, namespace=namespace)
        orders, self.orders = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            os.close(self.orders)
            try:
                Switch(taps, orders).serve()
            finally:
                os._exit(0)
        os.close(orders)
        for tap in taps:
            os.close(tap)

    def break_way(self, source, target, **rule):
        """From now on frames from `source` to `target` obey the rule: drop=True, loss=0..1, delay=(least, most) in seconds."""
        self.rules[f"{source} {target}"] = rule
        self._tell()

    def heal(self):
        self.rules = {}
        self._tell()

    def _tell(self):
        os.write(self.orders, (json.dumps(self.rules) + "\n").encode())

    def close(self):
        os.close(self.orders)
        os.waitpid(self.child, 0)
        for host in self.hosts[1:]:
            subprocess.run(["ip", "netns", "del", namespace_of(self.run, host)], check=False)


class Switch:
    """The child process: reads frames, applies the rules, writes frames. It ends when the pipe of orders is closed."""

    def __init__(self, taps, orders):
        self.taps, self.orders = taps, orders
        self.host_of_tap = {tap: host for host, tap in enumerate(taps)}
        self.host_of_mac = {}
        self.rules, self.late, self.count = {}, [], 0
        self.told = b""

    def serve(self):
        poll = select.poll()
        for source in [*self.taps, self.orders]:
            poll.register(source, select.POLLIN)
        while True:
            wait = max(0, self.late[0][0] - time.monotonic()) * 1000 if self.late else 1000
            for ready, _ in poll.poll(wait):
                if ready != self.orders:
                    self.read(ready)
                elif not self.obey():
                    return
            now = time.monotonic()
            while self.late and self.late[0][0] <= now:
                self.write(*heapq.heappop(self.late)[2:])

    def obey(self):
        told = os.read(self.orders, 65536)
        *lines, self.told = (self.told + told).split(b"\n")
        if lines:
            self.rules = {tuple(map(int, way.split())): rule for way, rule in json.loads(lines[-1]).items()}
        return bool(told)

    def read(self, tap):
        source = self.host_of_tap[tap]
        for _ in range(64):
            try:
                frame = os.read(tap, MTU + 100)
            except OSError:
                return
            self.host_of_mac[frame[6:12]] = source
            target = self.host_of_mac.get(frame[:6])
            targets = [target] if target is not None else [host for host in range(len(self.taps)) if host != source]
            for target in targets:
                self.forward(source, target, frame)

    def forward(self, source, target, frame):
        rule = self.rules.get((source, target))
        if not rule:
            return self.write(target, frame)
        if rule.get("drop") or random.random() < rule.get("loss", 0) or len(self.late) > QUEUE_MAX:
            return
        due = time.monotonic() + random.uniform(*rule.get("delay", (0, 0)))
        self.count += 1
        heapq.heappush(self.late, (due, self.count, target, frame))

    def write(self, target, frame):
        try:
            os.write(self.taps[target], frame)
        except OSError:
            pass  # A full queue loses frames; TCP sends them again.
