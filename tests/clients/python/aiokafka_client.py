"""aiokafka, driven by `cargo xtask clients` (see tests/clients/README.md)."""

import asyncio
import signal
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError


def value(index):
    return f"{index:08d}" * (1 + index % 12)


def show(record):
    print(record.topic, record.partition, record.offset, record.timestamp, record.key.decode(), record.value.decode())


async def create(servers, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        new = NewTopic(topic, int(partitions), 1, topic_configs={"retention.ms": "-1"})
        answer = await admin.create_topics([new])
        if any(error[1] for error in answer.topic_errors):
            raise SystemExit(str(answer))
    finally:
        await admin.close()


async def produce(servers, topic, codec, first, end, base):
    producer = AIOKafkaProducer(bootstrap_servers=servers, compression_type=None if codec == "none" else codec,
                                enable_idempotence=True, linger_ms=20, max_batch_size=65536)
    await producer.start()
    try:
        for index in range(int(first), int(end), 2000):
            sent = [await producer.send(topic, value(i).encode(), f"key-{i}".encode(), timestamp_ms=int(base) + i)
                    for i in range(index, min(index + 2000, int(end)))]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def group(servers, name, topics):
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    consumer = AIOKafkaConsumer(*topics.split(","), bootstrap_servers=servers, group_id=name,
                                auto_offset_reset="earliest", enable_auto_commit=False, session_timeout_ms=6000,
                                heartbeat_interval_ms=1000)
    await consumer.start()
    try:
        while not stopped.is_set():
            batches = await consumer.getmany(timeout_ms=200, max_records=500)
            for records in batches.values():
                for record in records:
                    show(record)
            sys.stdout.flush()
            if batches:
                try:
                    await consumer.commit()
                except KafkaError as error:  # a rebalance under way: the new owner reads those records again
                    print(error, file=sys.stderr)
    finally:
        await consumer.stop()


async def seek(servers, topic, timestamp):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times({p: int(timestamp) for p in partitions})
        left = {p for p in partitions if found[p] is not None and found[p].offset < ends[p]}
        for p in partitions:
            consumer.seek(p, found[p].offset if p in left else ends[p])
        while left:
            for p, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    show(record)
                if records and records[-1].offset + 1 >= ends[p]:
                    left.discard(p)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run({"create": create, "produce": produce, "group": group, "seek": seek}[sys.argv[1]](*sys.argv[2:]))
