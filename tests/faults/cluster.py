"""Three nodes, Klamm's or Apache Kafka's, each in a namespace of its own with a small file system of its own."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from confluent_kafka.admin import AdminClient

from switch import Network, address_of, namespace_of

CLUSTER_ID = "S2xhbW0tYWNjZXB0YW5jZQ"
START_LIMIT = 90
DISK_MB = 512

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
listeners=PLAINTEXT://{address}:9092,CONTROLLER://{address}:9093
advertised.listeners=PLAINTEXT://{address}:9092,CONTROLLER://{address}:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.voters={voters}
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=6
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.segment.bytes=4194304
log.index.size.max.bytes=65536
"""


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.address = address_of(cluster.run, number)
        self.folder = cluster.folder / f"node{number}"
        self.data = self.folder / "disk" / "data"
        self.process, self.is_paused = None, False

    def create(self):
        disk = self.folder / "disk"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)], check=True)
        voters = ",".join(f"{node.number}@{node.address}:9093" for node in self.cluster.nodes)
        (self.folder / "server.properties").write_text(
            PROPERTIES.format(node=self.number, address=self.address, voters=voters, data=self.data))
        self.inside(*self.cluster.format, "-t", CLUSTER_ID, "-c", "server.properties").check_returncode()

    def inside(self, *words):
        return subprocess.run(["ip", "netns", "exec", namespace_of(self.cluster.run, self.number), *words],
                              cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start(self):
        if self.is_alive():
            return
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace_of(self.cluster.run, self.number), *self.cluster.start_words,
             "server.properties"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, which):
        if self.is_alive():
            self.process.send_signal(which)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()
        self.is_paused = False

    def pause(self):
        self.signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self):
        if self.is_paused:
            self.signal(signal.SIGCONT)
        self.is_paused = False

    def stop(self):
        """SIGTERM, and SIGKILL after 40 seconds; the status, or None if it had to be killed."""
        self.resume()
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(40) if self.process else 0
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def fill_disk(self):
        with open(self.folder / "disk" / "ballast", "wb") as ballast:
            try:
                while True:
                    ballast.write(b"\0" * (1 << 20))
                    ballast.flush()
            except OSError:
                pass

    def free_disk(self):
        (self.folder / "disk" / "ballast").unlink(missing_ok=True)


class Cluster:
    def __init__(self, folder, format_words, start_words, nodes=3):
        self.run = os.getpid() % 1000
        self.folder = Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.format, self.start_words = format_words, start_words
        self.nodes = [Node(self, number + 1) for number in range(nodes)]
        self.network = Network(self.run, nodes)
        for node in self.nodes:
            node.create()
        for node in self.nodes:
            node.start()
        self.wait_until_whole()

    def servers(self):
        return ",".join(f"{node.address}:9092" for node in self.nodes)

    def admin(self):
        return AdminClient({"bootstrap.servers": self.servers(), "socket.timeout.ms": 10000, "log_level": 0})

    def wait_until_whole(self, limit=START_LIMIT):
        """Waits until every node is in the metadata; how long that took in seconds."""
        started, admin = time.monotonic(), self.admin()
        while time.monotonic() - started < limit:
            try:
                if len(admin.list_topics(timeout=5).brokers) == len(self.nodes):
                    return time.monotonic() - started
            except Exception:  # noqa: BLE001 any failure means: not yet
                pass
            time.sleep(0.2)
        raise RuntimeError(f"the cluster was not whole within {limit} s: see {self.folder}/node*/server.log")

    def heal(self):
        self.network.heal()
        for node in self.nodes:
            node.free_disk()
            node.resume()
            node.start()

    def close(self):
        statuses = {node.number: node.stop() for node in self.nodes}
        self.network.close()
        for node in self.nodes:
            subprocess.run(["umount", str(node.folder / "disk")], check=False)
        return statuses
