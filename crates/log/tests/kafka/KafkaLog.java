import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.RequestLocal;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.FetchDataInfo;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogSegment;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.log.VerificationGuard;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Kafka's own log on a directory: does what the script on standard input says and then tells what the log has.
 *
 * KafkaLog DIRECTORY CLEAN RECOVERY_POINT close|halt [KEY=VALUE...]
 */
public class KafkaLog {
    public static void main(String[] args) throws Exception {
        File dir = new File(args[0]);
        Properties properties = new Properties();
        for (int i = 4; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        KafkaScheduler scheduler = new KafkaScheduler(1);
        scheduler.startup();
        UnifiedLog log = UnifiedLog.create(dir, new LogConfig(properties), 0L, Long.parseLong(args[2]), scheduler,
            new BrokerTopicStats(), Time.SYSTEM, 15 * 60 * 1000, new ProducerStateManagerConfig(86400000, false),
            600000, new LogDirFailureChannel(1), Boolean.parseBoolean(args[1]), Optional.empty());
        BufferedReader script = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = script.readLine()) != null; ) {
            run(log, line.trim().split(" "));
        }
        describe(log);
        System.out.flush();
        if (args[3].equals("halt")) {
            Runtime.getRuntime().halt(0);
        }
        log.flush(true);
        log.close();
        scheduler.shutdown();
        System.exit(0);
    }

    static void run(UnifiedLog log, String[] words) throws Exception {
        switch (words[0]) {
            case "topic_id" -> log.assignTopicId(Uuid.fromString(words[1]));
            case "roll" -> log.roll(Optional.empty());
            case "high_watermark" -> log.updateHighWatermark(Long.parseLong(words[1]));
            case "start" -> log.maybeIncrementLogStartOffset(Long.parseLong(words[1]),
                org.apache.kafka.storage.internals.log.LogStartOffsetIncrementReason.ClientRecordDeletion);
            case "truncate" -> log.truncateTo(Long.parseLong(words[1]));
            case "marker" -> {
                // leader epoch, producer id, producer epoch, coordinator epoch, COMMIT or ABORT, timestamp
                MemoryRecords records = MemoryRecords.withEndTransactionMarker(Long.parseLong(words[6]),
                    Long.parseLong(words[2]), Short.parseShort(words[3]),
                    new EndTransactionMarker(ControlRecordType.valueOf(words[5]), Integer.parseInt(words[4])));
                log.appendAsLeader(records, Integer.parseInt(words[1]), AppendOrigin.COORDINATOR,
                    RequestLocal.noCaching(), VerificationGuard.SENTINEL, (short) 0);
            }
            case "batch" -> {
                // leader epoch, codec, producer id, producer epoch, sequence, transactional, timestamps...
                List<SimpleRecord> list = new ArrayList<>();
                for (int i = 7; i < words.length; i++) {
                    long timestamp = Long.parseLong(words[i]);
                    list.add(new SimpleRecord(timestamp, "key".getBytes(), ("value " + timestamp).getBytes()));
                }
                append(log, words, list.toArray(new SimpleRecord[0]));
            }
            case "keyed" -> {
                // leader epoch, codec, producer id, producer epoch, sequence, transactional, timestamp, KEY=VALUE or KEY...
                List<SimpleRecord> list = new ArrayList<>();
                for (int i = 8; i < words.length; i++) {
                    String[] pair = words[i].split("=", 2);
                    byte[] value = pair.length > 1 ? pair[1].getBytes() : null;
                    list.add(new SimpleRecord(Long.parseLong(words[7]) + i, pair[0].getBytes(), value));
                }
                append(log, words, list.toArray(new SimpleRecord[0]));
            }
            case "clean" -> clean(log, Integer.parseInt(words[1]), Long.parseLong(words[2]));
            case "records" -> records(log);
            default -> throw new IllegalArgumentException(words[0]);
        }
    }

    static void append(UnifiedLog log, String[] words, SimpleRecord[] records) throws Exception {
        Compression compression = Compression.of(words[2]).build();
        long id = Long.parseLong(words[3]);
        short epoch = Short.parseShort(words[4]);
        int sequence = Integer.parseInt(words[5]);
        MemoryRecords batch = id < 0 ? MemoryRecords.withRecords(compression, records)
            : words[6].equals("true") ? MemoryRecords.withTransactionalRecords(compression, id, epoch, sequence, records)
            : MemoryRecords.withIdempotentRecords(compression, id, epoch, sequence, records);
        log.appendAsLeader(batch, Integer.parseInt(words[1]), AppendOrigin.CLIENT, RequestLocal.noCaching(),
            VerificationGuard.SENTINEL, (short) 0);
    }

    static long firstDirty = 0;

    /** Kafka's cleaner, with a map of so many bytes, at this time. */
    static void clean(UnifiedLog log, int bytes, long now) throws Exception {
        Cleaner cleaner = new Cleaner(0, new SkimpyOffsetMap(bytes), 1000, 1048588, 0.9,
            new Throttler(Double.MAX_VALUE, Long.MAX_VALUE, "cleaner-io", "bytes", Time.SYSTEM), Time.SYSTEM, tp -> { });
        long bound = Math.min(log.lastStableOffset(), log.activeSegment().baseOffset());
        LogToClean cleanable = new LogToClean(log, firstDirty, Math.max(firstDirty, bound), false);
        System.out.println("cleanable " + cleanable.firstUncleanableOffset() + " " + cleanable.cleanBytes() + " "
            + cleanable.cleanableBytes());
        if (cleanable.cleanableBytes() > 0) {
            firstDirty = cleaner.doClean(cleanable, now).getKey();
        }
        System.out.println("cleaned " + firstDirty);
    }

    static void records(UnifiedLog log) throws Exception {
        for (LogSegment segment : log.logSegments()) {
            for (RecordBatch b : segment.log().batches()) {
                System.out.println("batch " + b.baseOffset() + " " + b.lastOffset() + " " + b.partitionLeaderEpoch() + " "
                    + b.producerId() + " " + b.producerEpoch() + " " + b.baseSequence() + " " + b.maxTimestamp() + " "
                    + b.compressionType().name + " " + b.isTransactional() + " " + b.isControlBatch() + " "
                    + b.deleteHorizonMs().orElse(-1) + " " + b.countOrNull());
                for (Record r : b) {
                    System.out.println("record " + r.offset() + " " + r.timestamp() + " " + r.sequence() + " "
                        + (b.isControlBatch() ? "marker" : text(r.key()) + "=" + text(r.value())));
                }
            }
        }
    }

    static String text(ByteBuffer bytes) {
        return bytes == null ? "null" : StandardCharsets.UTF_8.decode(bytes).toString();
    }

    static void describe(UnifiedLog log) throws Exception {
        StringBuilder out = new StringBuilder();
        out.append("offsets ").append(log.logStartOffset()).append(' ').append(log.logEndOffset()).append('\n');
        for (LogSegment segment : log.logSegments()) {
            out.append("segment ").append(segment.baseOffset()).append(' ').append(segment.size()).append('\n');
        }
        for (long offset = log.logStartOffset(); offset < log.logEndOffset(); ) {
            FetchDataInfo data = log.read(offset, 1, FetchIsolation.LOG_END, true);
            long before = offset;
            for (RecordBatch b : data.records.batches()) {
                out.append("batch ").append(b.baseOffset()).append(' ').append(b.lastOffset()).append(' ')
                    .append(b.partitionLeaderEpoch()).append(' ').append(b.producerId()).append(' ')
                    .append(b.baseSequence()).append(' ').append(b.maxTimestamp()).append(' ').append(b.checksum())
                    .append('\n');
                offset = b.nextOffset();
            }
            if (offset == before) break;
        }
        log.leaderEpochCache().epochEntries().forEach(e ->
            out.append("epoch ").append(e.epoch()).append(' ').append(e.startOffset()).append('\n'));
        log.producerStateManager().activeProducers().entrySet().stream()
            .sorted(java.util.Map.Entry.comparingByKey())
            .forEach(e -> out.append("producer ").append(e.getKey()).append(' ').append(e.getValue().producerEpoch())
                .append(' ').append(e.getValue().batchMetadata().isEmpty() ? -1
                    : e.getValue().batchMetadata().stream().reduce((a, b) -> b).get().lastSeq())
                .append(' ').append(e.getValue().lastTimestamp()).append(' ').append(e.getValue().coordinatorEpoch())
                .append(' ').append(e.getValue().currentTxnFirstOffset().orElse(-1)).append('\n'));
        log.updateHighWatermark(log.logEndOffset());
        out.append("last_stable_offset ").append(log.lastStableOffset()).append('\n');
        log.collectAbortedTransactions(log.logStartOffset(), log.logEndOffset()).forEach(t ->
            out.append("aborted ").append(t.producerId()).append(' ').append(t.firstOffset()).append(' ')
                .append(t.lastOffset()).append(' ').append(t.lastStableOffset()).append('\n'));
        var max = log.fetchOffsetByTimestamp(-3L, Optional.empty()).timestampAndOffsetOpt();
        max.ifPresent(m -> out.append("max ").append(m.timestamp).append(' ').append(m.offset).append('\n'));
        if (max.isPresent()) {
            for (long back = 0; back <= 2000; back += 100) {
                var found = log.fetchOffsetByTimestamp(max.get().timestamp - back, Optional.empty()).timestampAndOffsetOpt();
                out.append("timestamp ").append(back).append(' ')
                    .append(found.map(f -> f.timestamp + " " + f.offset).orElse("none")).append('\n');
            }
        }
        System.out.print(out);
    }
}
