// Apache Kafka's Java clients, driven by `cargo xtask clients` (see tests/clients/README.md).

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidPidMappingException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public final class TestClient {
    private static final PrintStream OUT =
        new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false);
    private static volatile boolean stopped;
    private static final StringBuilder LINES = new StringBuilder();

    private static String value(int index) {
        return String.format("%08d", index).repeat(1 + index % 12);
    }

    private static void show(ConsumerRecord<String, String> r) {
        LINES.append(r.topic()).append(' ').append(r.partition()).append(' ').append(r.offset()).append(' ')
            .append(r.timestamp()).append(' ').append(r.key()).append(' ').append(r.value()).append('\n');
    }

    private static void flush() {
        OUT.print(LINES);
        OUT.flush();
        LINES.setLength(0);
    }

    private static void create(String servers, String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            NewTopic topicSpec = new NewTopic(topic, partitions, (short) 1).configs(Map.of("retention.ms", "-1"));
            admin.createTopics(List.of(topicSpec)).all().get();
        }
    }

    private static void produce(String servers, String topic, String codec, int first, int end, long base) throws Exception {
        AtomicReference<Exception> failed = new AtomicReference<>();
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "compression.type", codec, "linger.ms", 20);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int i = first; i < end; i++) {
                producer.send(new ProducerRecord<>(topic, null, base + i, "key-" + i, value(i)), (metadata, error) -> {
                    if (error != null) failed.set(error);
                });
            }
            producer.flush();
        }
        if (failed.get() != null) throw failed.get();
    }

    private static KafkaConsumer<String, String> consumer(String servers, String group, String isolation) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", servers, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "session.timeout.ms", 6000, "heartbeat.interval.ms", 1000));
        if (group != null) config.put("group.id", group);
        config.put("isolation.level", isolation);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    private static void group(String servers, String group, List<String> topics) {
        KafkaConsumer<String, String> consumer = consumer(servers, group, "read_uncommitted");
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try {
                main.join(20000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        try (consumer) {
            consumer.subscribe(topics);
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                records.forEach(TestClient::show);
                flush();
                try {
                    if (!records.isEmpty()) consumer.commitSync();
                } catch (WakeupException e) {
                    consumer.commitSync();
                    throw e;
                } catch (KafkaException e) { // a rebalance under way: the new owner reads those records again
                    System.err.println(e);
                }
            }
        } catch (WakeupException e) {
            // SIGTERM: close, which leaves the group.
        }
    }

    private static void seek(String servers, String topic, long timestamp, String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer(servers, null, isolation)) {
            List<TopicPartition> all = consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
            consumer.assign(all);
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            var starts = consumer.offsetsForTimes(all.stream().collect(Collectors.toMap(p -> p, p -> timestamp)));
            Set<TopicPartition> left = all.stream().filter(p -> starts.get(p) != null).collect(Collectors.toSet());
            for (TopicPartition p : all) consumer.seek(p, left.contains(p) ? starts.get(p).offset() : ends.get(p));
            while (!left.isEmpty()) {
                consumer.poll(Duration.ofSeconds(1)).forEach(TestClient::show);
                left.removeIf(p -> consumer.position(p) >= ends.get(p));
            }
            flush();
        }
    }

    /**
     * Sends records with one of so many keys at `rate` a second until SIGTERM; prints `PARTITION OFFSET key-INDEX` for each
     * one acknowledged.
     */
    private static void load(String servers, String topic, int rate, int keys) throws Exception {
        AtomicReference<Exception> failed = new AtomicReference<>();
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopped = true;
            try {
                main.join(120000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "linger.ms", 5, "reconnect.backoff.max.ms", 200,
            "delivery.timeout.ms", 300000, "max.block.ms", 120000);
        long started = System.nanoTime();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            for (int i = 0; !stopped && failed.get() == null; ) {
                long due = (System.nanoTime() - started) / 1_000_000 * rate / 1000;
                for (; i < due && !stopped; i++) {
                    String key = "key-" + i;
                    producer.send(new ProducerRecord<>(topic, "key-" + i % keys, value(i)), (metadata, error) -> {
                        if (error != null) failed.set(error);
                        else OUT.print(metadata.partition() + " " + metadata.offset() + " " + key + "\n");
                    });
                }
                OUT.flush();
                Thread.sleep(5);
            }
        }
        OUT.flush();
        if (failed.get() != null) throw failed.get();
    }

    /**
     * Writes transactions of five records at `rate` a second until SIGTERM, and aborts every third; prints
     * `PARTITION OFFSET KEY` for each record of those that are committed.
     */
    private static void transact(String servers, String topic, int rate) throws Exception {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopped = true;
            try {
                main.join(120000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "linger.ms", 5, "reconnect.backoff.max.ms", 200,
            "delivery.timeout.ms", 100000, "request.timeout.ms", 15000, "max.block.ms", 100000,
            "transaction.timeout.ms", 120000, "transactional.id", topic + "-writer");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (int transaction = 0; !stopped; transaction++) {
                producer.beginTransaction();
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    int index = transaction * 5 + i;
                    sent.add(producer.send(new ProducerRecord<>(topic, "key-" + index, value(index))));
                }
                boolean commit = transaction % 3 != 2;
                try {
                    if (transaction % 6 == 5) producer.flush(); // else there may be nothing yet to abort
                    if (commit) commit(producer);
                    else producer.abortTransaction();
                } catch (ProducerFencedException e) {
                    throw e;
                } catch (KafkaException e) { // what can be mended by an abort; the records are not there then
                    System.err.println("aborted: " + e);
                    producer.abortTransaction();
                    commit = false;
                }
                for (int i = 0; commit && i < 5; i++) {
                    RecordMetadata metadata = sent.get(i).get();
                    OUT.print(metadata.partition() + " " + metadata.offset() + " key-" + (transaction * 5 + i) + "\n");
                }
                OUT.flush();
                Thread.sleep(5000 / rate);
            }
        }
        OUT.flush();
    }

    /** A commit whose answer does not come in time may have happened: it is asked for again. */
    private static void commit(KafkaProducer<String, String> producer) {
        while (true) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException e) {
                System.err.println("commit again: " + e);
            }
        }
    }

    /** Commits transactions of one record for some seconds, after as many of warming up; prints how many a second. */
    private static void transactions(String servers, String topic, int seconds) {
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "transactional.id", topic + "-rate", "linger.ms", 0);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            for (boolean counts : new boolean[] {false, true}) {
                long started = System.nanoTime();
                int committed = 0;
                double spent = 0;
                for (; spent < seconds; spent = (System.nanoTime() - started) / 1e9) {
                    producer.beginTransaction();
                    producer.send(new ProducerRecord<>(topic, "key-" + committed, value(committed)));
                    producer.commitTransaction();
                    committed++;
                }
                if (counts) OUT.printf("%.1f transactions/sec%n", committed / spent);
            }
        }
        OUT.flush();
    }

    /** Records a second that the consumers of a share group take, for each number of consumers; a group to warm up first. */
    private static void share(String servers, String topic, String counts, int workMs, int seconds) throws Exception {
        LongAdder all = new LongAdder();
        shareRate(servers, topic, "warm-" + workMs, 4, workMs, seconds / 2, all);
        for (String count : counts.split(",")) {
            double rate = shareRate(servers, topic, "share-" + workMs + "-" + count, Integer.parseInt(count), workMs, seconds, all);
            OUT.printf("%.1f records/sec with %s consumers%n", rate, count);
        }
        OUT.printf("%d records in all%n", all.sum());
        OUT.flush();
    }

    private static double shareRate(String servers, String topic, String group, int count, int workMs, int seconds, LongAdder all) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            AlterConfigOp fromStart = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.of(fromStart))).all().get();
        }
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "group.id", group, "max.poll.records", workMs > 0 ? 50 : 500);
        LongAdder taken = new LongAdder();
        AtomicLong last = new AtomicLong();
        AtomicBoolean done = new AtomicBoolean();
        CountDownLatch begun = new CountDownLatch(count);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(() -> {
                boolean first = true;
                try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
                    consumer.subscribe(List.of(topic));
                    while (!done.get()) {
                        for (ConsumerRecord<String, String> r : consumer.poll(Duration.ofMillis(100))) {
                            // Nobody empties the topic while others have not begun.
                            if (workMs > 0 || begun.getCount() > 0) Thread.sleep(Math.max(1, workMs));
                            taken.increment();
                            if (first) begun.countDown();
                            first = false;
                            last.set(System.nanoTime());
                        }
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            thread.start();
            threads.add(thread);
        }
        if (!begun.await(60, TimeUnit.SECONDS)) System.err.println(begun.getCount() + " of " + count + " consumers have got nothing");
        long before = taken.sum(), started = System.nanoTime();
        Thread.sleep(seconds * 1000L);
        // The topic may have come to its end before the time.
        double rate = (taken.sum() - before) * 1e9 / Math.max(1, last.get() - started);
        done.set(true);
        for (Thread thread : threads) thread.join();
        all.add(taken.sum());
        return rate;
    }

    /**
     * Reads INPUT as a member of a group and writes for each record one with its place as value to the same partition of
     * OUTPUT, exactly once: records and positions in one transaction, back to what was committed after each failure.
     */
    private static void transform(String servers, String input, String output, String group, String name, String protocol) {
        Map<String, Object> reading = new HashMap<>(Map.of("bootstrap.servers", servers, "group.id", group, "auto.offset.reset", "earliest",
            "enable.auto.commit", false, "isolation.level", "read_committed", "group.protocol", protocol));
        if (protocol.equals("classic")) reading.putAll(Map.of("session.timeout.ms", 6000, "heartbeat.interval.ms", 1000));
        Map<String, Object> writing = Map.of("bootstrap.servers", servers, "transactional.id", name, "transaction.timeout.ms", 10000);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
             KafkaProducer<String, String> producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                try {
                    producer.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
                    for (ConsumerRecord<String, String> r : records) {
                        producer.send(new ProducerRecord<>(output, r.partition(), r.key(), r.partition() + "-" + r.offset()));
                        positions.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                    }
                    producer.sendOffsetsToTransaction(positions, consumer.groupMetadata());
                    commit(producer);
                } catch (ProducerFencedException | InvalidPidMappingException | AuthorizationException e) {
                    throw e; // another process has our name, or we may not: nothing to go on with
                } catch (KafkaException e) {
                    System.err.println("the transaction is aborted: " + e);
                    producer.abortTransaction();
                    rewind(consumer);
                }
            }
        }
    }

    private static void rewind(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition p : consumer.assignment()) {
            if (committed.get(p) == null) consumer.seekToBeginning(List.of(p));
            else consumer.seek(p, committed.get(p));
        }
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "create" -> create(args[1], args[2], Integer.parseInt(args[3]));
            case "produce" -> produce(args[1], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]), Long.parseLong(args[6]));
            case "group" -> group(args[1], args[2], List.of(args[3].split(",")));
            case "seek" -> seek(args[1], args[2], Long.parseLong(args[3]), "read_uncommitted");
            case "committed" -> seek(args[1], args[2], 0, "read_committed");
            case "load" -> load(args[1], args[2], Integer.parseInt(args[3]), Integer.MAX_VALUE);
            case "upsert" -> load(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]));
            case "transact" -> transact(args[1], args[2], Integer.parseInt(args[3]));
            case "transactions" -> transactions(args[1], args[2], Integer.parseInt(args[3]));
            case "share" -> share(args[1], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]));
            case "transform" -> transform(args[1], args[2], args[3], args[4], args[5], args[6]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }
}
