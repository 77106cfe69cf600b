"""librdkafka through confluent-kafka, driven by `cargo xtask clients` (see tests/clients/README.md)."""

import signal
import sys
import time

from confluent_kafka import (OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaError, KafkaException, Producer,
                             TopicPartition)
from confluent_kafka.admin import AdminClient, NewTopic

stopped = False


def stop(_signal, _frame):
    global stopped
    stopped = True


def value(index):
    return f"{index:08d}" * (1 + index % 12)


def show(message):
    key, text = message.key().decode(), message.value().decode()
    print(message.topic(), message.partition(), message.offset(), message.timestamp()[1], key, text)


def create(servers, topic, partitions):
    new = NewTopic(topic, int(partitions), 1, config={"retention.ms": "-1"})
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([new]).values():
        future.result()


def produce(servers, topic, codec, first, end, base):
    failures = []
    producer = Producer({"bootstrap.servers": servers, "compression.type": codec, "enable.idempotence": True,
                         "linger.ms": 20})
    for index in range(int(first), int(end)):
        while True:
            try:
                producer.produce(topic, value(index), f"key-{index}", timestamp=int(base) + index,
                                 on_delivery=lambda error, _: error and failures.append(error))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(120) or failures:
        raise SystemExit(f"not delivered: {failures[:3]}")


def consumer_of(servers, group):
    return Consumer({"bootstrap.servers": servers, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "session.timeout.ms": 6000, "enable.partition.eof": True})


def group(servers, name, topics):
    signal.signal(signal.SIGTERM, stop)
    consumer = consumer_of(servers, name)
    consumer.subscribe(topics.split(","))
    while not stopped:
        messages = [m for m in consumer.consume(500, 0.2) if m.error() is None]
        for message in messages:
            show(message)
        sys.stdout.flush()
        if messages:
            try:
                consumer.commit(asynchronous=False)
            except Exception as error:  # a rebalance under way: the new owner reads those records again
                print(error, file=sys.stderr)
    consumer.close()


def seek(servers, topic, timestamp):
    consumer = consumer_of(servers, "seek")
    partitions = consumer.list_topics(topic).topics[topic].partitions
    wanted = [TopicPartition(topic, p, int(timestamp)) for p in partitions]
    found = consumer.offsets_for_times(wanted, 30)
    consumer.assign(found)
    left = {p.partition for p in found if p.offset != OFFSET_INVALID and p.offset >= 0}
    while left:
        for message in consumer.consume(500, 1):
            if message.error() is None:
                show(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise SystemExit(str(message.error()))
    consumer.close()


def load(servers, topic, rate):
    """Sends records at `rate` a second until SIGTERM; prints `PARTITION OFFSET KEY` for each one acknowledged."""
    signal.signal(signal.SIGTERM, stop)
    failures = []

    def delivered(error, message):
        if error is not None:
            failures.append(error)
        else:
            print(message.partition(), message.offset(), message.key().decode())

    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5,
                         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 200})
    index, started = 0, time.monotonic()
    while not stopped and not failures:
        due = int((time.monotonic() - started) * int(rate))
        while index < due and not stopped:
            try:
                producer.produce(topic, value(index), f"key-{index}", on_delivery=delivered)
                index += 1
            except BufferError:
                break
        producer.poll(0.01)
        sys.stdout.flush()
    if producer.flush(120) or failures:
        raise SystemExit(f"not delivered: {failures[:3]}")


def transform(servers, source, target, group_name, name, protocol):
    """Reads SOURCE as a member of a group and writes for each record one with its place as value to the same partition
    of TARGET, exactly once: records and positions in one transaction, back to what was committed after each failure."""
    reading = {"bootstrap.servers": servers, "group.id": group_name, "auto.offset.reset": "earliest",
               "enable.auto.commit": False, "isolation.level": "read_committed", "group.protocol": protocol,
               "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 200}
    if protocol == "classic":
        reading["session.timeout.ms"] = 6000
    consumer = Consumer(reading)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": name, "transaction.timeout.ms": 10000,
                         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 200})
    again(lambda: producer.init_transactions(60))
    consumer.subscribe([source])
    while True:
        messages = [m for m in consumer.consume(500, 0.2) if m.error() is None]
        if not messages:
            continue
        try:
            producer.begin_transaction()
            positions = {}
            for message in messages:
                place = f"{message.partition()}-{message.offset()}"
                producer.produce(target, place, message.key(), message.partition())
                positions[message.partition()] = message.offset() + 1
            offsets = [TopicPartition(source, partition, offset) for partition, offset in positions.items()]
            member = consumer.consumer_group_metadata()
            # While the group's coordinator is down this may wait for ever, whatever its limit (librdkafka's issues 5456
            # and 5511): the process ends then, and is started again.
            signal.alarm(40)
            again(lambda: producer.send_offsets_to_transaction(offsets, member, 20))
            signal.alarm(0)
            again(lambda: producer.commit_transaction(60))
        except KafkaException as failure:
            signal.alarm(0)
            error = failure.args[0]
            if error.fatal() or not error.txn_requires_abort():
                raise
            print("the transaction is aborted:", error, file=sys.stderr, flush=True)
            again(lambda: producer.abort_transaction(60))
            for position in consumer.committed(consumer.assignment(), 60):
                if position.offset < 0:
                    position.offset = OFFSET_BEGINNING
                consumer.seek(position)


def again(step):
    """Repeats a step of a transaction for as long as its end is not known."""
    while True:
        try:
            return step()
        except KafkaException as failure:
            if not failure.args[0].retriable():
                raise


def first(servers, topic):
    """Sends one record to servers that may not be up yet; prints the time of its acknowledgement."""
    producer = Producer({"bootstrap.servers": servers, "reconnect.backoff.ms": 5, "reconnect.backoff.max.ms": 20,
                         "retry.backoff.ms": 5, "topic.metadata.refresh.fast.interval.ms": 10, "linger.ms": 0})
    acknowledged = []
    # A topic that cannot be created yet fails the record for good; another one is sent then.
    while not acknowledged:
        producer.produce(topic, b"first", on_delivery=lambda error, _: error or acknowledged.append(time.time()))
        if producer.flush(60):
            raise SystemExit("the first record was not acknowledged")
    print(acknowledged[0])


if __name__ == "__main__":
    commands = [create, produce, group, seek, load, transform, first]
    {command.__name__: command for command in commands}[sys.argv[1]](*sys.argv[2:])
