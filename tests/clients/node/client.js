// kafkajs, driven by `cargo xtask clients` (see tests/clients/README.md). It runs from the folder that the packages
// were installed into.
'use strict';
const path = require('path');
const load = (name) => require(require.resolve(name, { paths: [process.cwd(), path.dirname(__filename)] }));
const { Kafka, CompressionTypes, CompressionCodecs, logLevel, AssignerProtocol } = load('kafkajs');

CompressionCodecs[CompressionTypes.Snappy] = load('kafkajs-snappy');
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy };

const value = (index) => String(index).padStart(8, '0').repeat(1 + (index % 12));
const client = (servers) => new Kafka({ clientId: 'klamm-test', brokers: servers.split(','), logLevel: logLevel.ERROR });
// Resolves when the lines have left the process: a commit must not come before, nor an exit.
const write = (text) => new Promise((resolve) => process.stdout.write(text, resolve));
const line = (batch, message) =>
  `${batch.topic} ${batch.partition} ${message.offset} ${message.timestamp} ${message.key} ${message.value}\n`;
const show = (batch) => write(batch.messages.map((message) => line(batch, message)).join(''));

async function create(servers, topic, partitions) {
  const admin = client(servers).admin();
  await admin.connect();
  const configEntries = [{ name: 'retention.ms', value: '-1' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1, configEntries }] });
  await admin.disconnect();
}

async function produce(servers, topic, codec, first, end, base) {
  const producer = client(servers).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let from = Number(first); from < Number(end); from += 2000) {
    const messages = [];
    for (let i = from; i < Math.min(from + 2000, Number(end)); i++) {
      messages.push({ key: `key-${i}`, value: value(i), timestamp: String(Number(base) + i) });
    }
    await producer.send({ topic, messages, acks: -1, compression: codecs[codec] });
  }
  await producer.disconnect();
}

async function group(servers, groupId, topics) {
  const consumer = client(servers).consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 1000, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topics: topics.split(','), fromBeginning: true });
  process.on('SIGTERM', async () => {
    await consumer.disconnect();
    process.exit(0);
  });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, heartbeat, isRunning, isStale }) => {
      if (!isRunning() || isStale()) return;
      await show(batch);
      const offset = String(BigInt(batch.lastOffset()) + 1n);
      await consumer.commitOffsets([{ topic: batch.topic, partition: batch.partition, offset }]);
      await heartbeat();
    },
  });
}

async function seek(servers, topic, timestamp) {
  const admin = client(servers).admin();
  await admin.connect();
  const starts = await admin.fetchTopicOffsetsByTimestamp(topic, Number(timestamp));
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map((p) => [p.partition, BigInt(p.offset)]));
  await admin.disconnect();
  const left = new Set(starts.filter((p) => BigInt(p.offset) < ends.get(p.partition)).map((p) => p.partition));
  const consumer = client(servers).consumer({ groupId: `seek-${topic}`, maxWaitTimeInMs: 500 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((resolve, reject) => {
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch, isStale }) => {
          if (isStale()) return; // fetched before the seek
          await show(batch);
          if (BigInt(batch.lastOffset()) + 1n >= ends.get(batch.partition)) left.delete(batch.partition);
          if (left.size === 0) resolve();
        },
      })
      .catch(reject);
    for (const p of starts) consumer.seek({ topic, partition: p.partition, offset: p.offset });
  });
  await consumer.disconnect();
}

const [command, ...args] = process.argv.slice(2);
({ create, produce, group, seek })[command](...args).then(
  () => command !== 'group' && process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
