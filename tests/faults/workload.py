"""The clients: a few threads, each with one idempotent producer and one consumer, that do operations drawn by chance.

Key k lives in partition k % 4 of topic t<k // 4>; a few keys are alive at once, and each is retired after so many writes.
A key's values are whole numbers that grow in the order of the attempts to write them, so that a value names its writer.
"""

import random
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

PARTITIONS = 4
ALIVE = 6
WRITES_OF_A_KEY = 200
TOPICS = 12
KEYS = TOPICS * PARTITIONS
#: An operation may take as long as a fault lasts, and then some.
DELIVERY_LIMIT = 12.0
BEGINNING = 0
#: Refusals after which a record is surely not in the log.
DEFINITE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._QUEUE_FULL}


def partition_of(key):
    return TopicPartition(f"t{key // PARTITIONS}", key % PARTITIONS)


def key_of(topic, partition):
    return int(topic[1:]) * PARTITIONS + partition


def create_topics(cluster):
    topics = [NewTopic(f"t{number}", PARTITIONS, 3) for number in range(TOPICS)]
    admin = cluster.admin()
    for future in admin.create_topics(topics, operation_timeout=30).values():
        future.result()


class Keys:
    """Which keys are alive, and the next value of each."""

    def __init__(self):
        self.lock, self.alive, self.next_value = threading.Lock(), list(range(ALIVE)), {}
        self.unborn = iter(range(ALIVE, KEYS))

    def write(self, chance):
        with self.lock:
            key = chance.choice(self.alive)
            value = self.next_value[key] = self.next_value.get(key, 0) + 1
            if value >= WRITES_OF_A_KEY:
                born = next(self.unborn, None)
                if born is not None:
                    self.alive[self.alive.index(key)] = born
            return key, value

    def some(self, chance):
        with self.lock:
            return chance.sample(self.alive, chance.randint(1, len(self.alive)))

    def used(self):
        with self.lock:
            return sorted(self.next_value)


class Aborted(Exception):
    """The transaction is to be aborted on purpose."""


class Client(threading.Thread):
    def __init__(self, number, servers, history, keys, seed, transactional):
        super().__init__(daemon=True)
        self.number, self.servers, self.history, self.keys = number, servers, history, keys
        self.chance = random.Random(f"{seed}/{number}")
        self.transactional, self.lives, self.stopped = transactional, 0, threading.Event()
        self.producer = self.consumer = None
        self.defect = None

    # Lives

    def be_born(self):
        """New clients: the ones before, if any, are thrown away as a crash does it."""
        self.process = f"{self.number}.{self.lives}"
        self.lives += 1
        self.assigned, self.positions = [], {}
        self.consumer = Consumer({
            "bootstrap.servers": self.servers, "group.id": f"group{self.number}", "enable.auto.commit": False,
            "isolation.level": "read_committed" if self.transactional else "read_uncommitted",
            "auto.offset.reset": "error", "fetch.wait.max.ms": 100, "topic.metadata.refresh.interval.ms": 2000,
            "reconnect.backoff.max.ms": 500, "log_level": 0})
        self.make_producer()

    def make_producer(self):
        settings = {"bootstrap.servers": self.servers, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
                    "delivery.timeout.ms": int(DELIVERY_LIMIT * 1000), "request.timeout.ms": 4000,
                    "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.interval.ms": 2000, "log_level": 0}
        if self.transactional:
            # Shorter than a transaction may stay open here, so that what a dead client left behind ends soon.
            settings |= {"transactional.id": f"transactional{self.number}", "transaction.timeout.ms": 15000}
        self.producer = Producer(settings)
        self.is_ready = not self.transactional

    def run(self):
        try:
            self.be_born()
            while not self.stopped.is_set():
                self.step()
                time.sleep(self.chance.uniform(0, 0.05))
        except BaseException as error:  # noqa: BLE001 what the run must not swallow
            self.defect = error
            raise

    def step(self):
        draw = self.chance.random()
        if draw < 0.01:
            self.history.add(process=self.process, kind="crash", begin=self.history.now(), end=self.history.now(),
                             outcome="ok")
            self.be_born()
        elif draw < 0.05 or not self.assigned:
            self.do("assign", self.assign)
        elif draw < 0.08:
            self.do("watermarks", self.watermarks)
        elif draw < 0.12 and not self.transactional:
            self.do("commit", self.commit)
        elif draw < 0.16:
            self.do("committed", self.committed)
        elif self.transactional:
            self.do("txn", self.transaction)
        elif draw < 0.58:
            self.do("send", self.send)
        else:
            self.do("poll", self.poll)

    def do(self, kind, act):
        """Runs one operation and notes it; `act` fills the note and gives the outcome."""
        note = {"process": self.process, "kind": kind, "begin": self.history.now()}
        outcome = act(note)
        self.history.add(**note, end=self.history.now(), outcome=outcome)
        return outcome

    # Operations

    def assign(self, note):
        self.assigned = note["keys"] = sorted(self.keys.some(self.chance))
        at = []
        for key in self.assigned:
            partition = partition_of(key)
            partition.offset = self.positions.setdefault(key, BEGINNING)
            at.append(partition)
        self.consumer.assign(at)
        return "ok"

    def send(self, note):
        micro = note["micro"] = []
        for _ in range(self.chance.randint(1, 4)):
            self.produce(micro)
        return self.flush(micro)

    def produce(self, micro):
        key, value = self.keys.write(self.chance)
        entry = ["send", key, [None, value]]
        micro.append(entry)

        def delivered(error, message):
            if error:
                entry.append(error.name())
                entry.append(error.code() in DEFINITE)
            else:
                entry[2][0] = message.offset()

        partition = partition_of(key)
        self.producer.produce(partition.topic, str(value), partition=partition.partition, on_delivery=delivered)

    def flush(self, micro):
        left = self.producer.flush(DELIVERY_LIMIT + 10)
        sends = [entry for entry in micro if entry[0] == "send"]
        if not left and all(entry[2][0] is not None for entry in sends):
            return "ok"
        if not left and all(len(entry) > 3 and entry[4] for entry in sends):
            return "fail"
        if not self.transactional:
            self.make_producer()  # What it still has in flight is nobody's any more.
        return "info"

    def poll(self, note):
        micro = note["micro"] = []
        return self.consume(micro, note)

    def consume(self, micro, note):
        seen, errors = {}, []
        for message in self.consumer.consume(num_messages=100, timeout=0.15):
            if message.error():
                errors.append(message.error().name())
                continue
            key = key_of(message.topic(), message.partition())
            seen.setdefault(key, []).append([message.offset(), int(message.value())])
            self.positions[key] = message.offset() + 1
        micro.append(["poll", seen])
        if errors:
            note["errors"] = errors
        if "_AUTO_OFFSET_RESET" in errors or "OFFSET_OUT_OF_RANGE" in errors:
            note["reset"] = True
            self.assigned = []
        return "ok"

    def watermarks(self, note):
        key = self.chance.choice(self.assigned)
        note["key"] = key
        try:
            note["low"], note["high"] = self.consumer.get_watermark_offsets(partition_of(key), timeout=3, cached=False)
        except KafkaException as error:
            note["errors"] = [error.args[0].name()]
            return "fail"
        return "ok"

    def commit(self, note):
        note["offsets"] = {key: self.positions[key] for key in self.assigned}
        try:
            self.consumer.commit(offsets=self.offsets(note["offsets"]), asynchronous=False)
        except KafkaException as error:
            note["errors"] = [error.args[0].name()]
            return "info"
        return "ok"

    def committed(self, note):
        try:
            found = self.consumer.committed([partition_of(key) for key in self.assigned], timeout=4)
        except KafkaException as error:
            note["errors"] = [error.args[0].name()]
            return "fail"
        if any(partition.error for partition in found):
            return "fail"
        note["offsets"] = {key_of(at.topic, at.partition): max(at.offset, -1) for at in found}
        return "ok"

    @staticmethod
    def offsets(positions):
        at = []
        for key, offset in positions.items():
            partition = partition_of(key)
            partition.offset = offset
            at.append(partition)
        return at

    def transaction(self, note):
        """Begin, sends and polls, the positions into the transaction, commit; one in ten aborts on purpose."""
        micro = note["micro"] = []
        before, committing = dict(self.positions), False
        try:
            if not self.is_ready:
                self.producer.init_transactions(15)
                self.is_ready = True
            self.producer.begin_transaction()
            for _ in range(self.chance.randint(1, 4)):
                if self.chance.random() < 0.5:
                    self.produce(micro)
                else:
                    self.consume(micro, note)
            note["offsets"] = {key: self.positions[key] for key in self.assigned}
            if note["offsets"]:
                self.producer.send_offsets_to_transaction(
                    self.offsets(note["offsets"]), self.consumer.consumer_group_metadata(), 10)
            if self.chance.random() < 0.1:
                raise Aborted
            committing = True
            note["commit"] = self.history.now()
            self.producer.commit_transaction(20)
            return "ok"
        except Aborted:
            return self.abort(note, before)
        except KafkaException as error:
            note["errors"] = [error.args[0].name()]
            if not committing:
                return self.abort(note, before)
            self.rewind(before)
            self.make_producer()
            return "info"

    def abort(self, note, before):
        self.rewind(before)
        try:
            self.producer.abort_transaction(15)
        except KafkaException as error:
            # It was never asked to commit: whatever becomes of it now, it cannot be seen.
            note.setdefault("errors", []).append(error.args[0].name())
            self.make_producer()
        return "fail"

    def rewind(self, before):
        self.positions = {key: before.get(key, BEGINNING) for key in self.positions}
        self.consumer.assign(self.offsets({key: self.positions[key] for key in self.assigned}))


def read_all(servers, history, keys, isolation, limit=90):
    """Reads every key from the beginning to its end."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "final", "isolation.level": isolation,
                         "enable.auto.commit": False, "auto.offset.reset": "error", "enable.partition.eof": True,
                         "log_level": 0})
    note = {"process": f"final {isolation}", "kind": "final", "begin": history.now(), "isolation": isolation}
    at = [partition_of(key) for key in keys]
    for partition in at:
        partition.offset = BEGINNING
    consumer.assign(at)
    seen, finished, deadline = {key: [] for key in keys}, set(), time.monotonic() + limit
    while len(finished) < len(keys) and time.monotonic() < deadline:
        for message in consumer.consume(num_messages=500, timeout=0.5):
            key = key_of(message.topic(), message.partition())
            if not message.error():
                seen[key].append([message.offset(), int(message.value())])
            elif message.error().code() == KafkaError._PARTITION_EOF:
                finished.add(key)
    consumer.close()
    history.add(**note, end=history.now(), outcome="ok" if len(finished) == len(keys) else "info",
                micro=[["poll", seen]])
