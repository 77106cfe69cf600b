import java.io.PrintStream;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.message.SnapshotHeaderRecord;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

/** Writes what Kafka's own classes make of record batches: bytes with their meaning, and verdicts on appends. */
public class RecordsGoldens {
    static final long NOW = 1_700_000_000_000L;
    static final Header[] NONE = new Header[0];

    public static void main(String[] args) throws Exception {
        if (args[0].equals("verify")) {
            verify(Files.readAllLines(Path.of(args[1])));
            return;
        }
        Path dir = Path.of(args[0]);
        try (PrintStream out = new PrintStream(dir.resolve("batches.txt").toFile(), StandardCharsets.UTF_8)) {
            new Batches(out).all();
        }
        try (PrintStream out = new PrintStream(dir.resolve("validation.txt").toFile(), StandardCharsets.UTF_8)) {
            new Validation(out).all();
        }
    }

    /** Reads the batches of lines "name xhex" and compares the records with what they are to be. */
    static void verify(List<String> lines) {
        byte[] large = new byte[200_000];
        for (int i = 0; i < large.length; i++)
            large[i] = (byte) ((i * 0x9E3779B1) >>> 24 & 0x3f);
        MemoryRecordsBuilder builder = plain((byte) 2, Compression.NONE);
        fill(builder, true);
        builder.append(NOW, null, large, NONE);
        List<String> expected = describe(builder.build());
        for (String line : lines) {
            String[] words = line.split(" ");
            MemoryRecords records = MemoryRecords.readableRecords(
                ByteBuffer.wrap(HexFormat.of().parseHex(words[1].substring(1))));
            if (!describe(records).equals(expected))
                throw new AssertionError(words[0] + ": " + describe(records));
            String codec = records.batches().iterator().next().compressionType().name;
            if (!words[0].startsWith(codec + "-"))
                throw new AssertionError(words[0] + " is " + codec);
        }
        System.out.println(lines.size() + " batches read as they were meant");
    }

    static List<String> describe(MemoryRecords records) {
        List<String> all = new ArrayList<>();
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            for (Record r : batch)
                all.add(r.offset() + " " + r.timestamp() + " " + hex(r.key()) + " " + hex(r.value()) + " "
                    + Arrays.toString(r.headers()));
        }
        return all;
    }

    static byte[] utf8(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static String hex(ByteBuffer buffer) {
        if (buffer == null)
            return "null";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return "x" + HexFormat.of().formatHex(bytes);
    }

    static void dump(PrintStream out, MemoryRecords records, boolean withCrc) {
        for (MutableRecordBatch b : records.batches()) {
            out.printf("batch magic=%d base=%d last=%d codec=%s type=%s max=%d pid=%d epoch=%d seq=%d lastSeq=%d "
                    + "txn=%b control=%b horizon=%d leaderEpoch=%d count=%d%s%n",
                b.magic(), b.baseOffset(), b.lastOffset(), b.compressionType().name, b.timestampType(),
                b.maxTimestamp(), b.producerId(), b.producerEpoch(), b.baseSequence(), b.lastSequence(),
                b.isTransactional(), b.isControlBatch(), b.deleteHorizonMs().orElse(-1), b.partitionLeaderEpoch(),
                b.countOrNull() == null ? -1 : b.countOrNull(),
                withCrc ? " size=" + b.sizeInBytes() + " crc=" + b.checksum() : "");
            for (Record r : b) {
                StringBuilder headers = new StringBuilder();
                for (Header h : r.headers())
                    headers.append(hex(ByteBuffer.wrap(utf8(h.key())))).append(':')
                        .append(h.value() == null ? "null" : hex(ByteBuffer.wrap(h.value()))).append(';');
                out.printf("record offset=%d timestamp=%d seq=%d key=%s value=%s headers=%s%n", r.offset(),
                    r.timestamp(), r.sequence(), hex(r.key()), hex(r.value()), headers);
            }
        }
    }

    static void fill(MemoryRecordsBuilder builder, boolean headers) {
        builder.append(NOW, utf8("k1"), utf8("v1"), NONE);
        Header[] some = {new RecordHeader("h", utf8("x")), new RecordHeader("h", null), new RecordHeader("é", utf8(""))};
        builder.append(NOW + 500, null, utf8("value without key, value without key"), headers ? some : NONE);
        builder.append(NOW - 1000, utf8("k1"), null, NONE);
        builder.append(NOW + 500, utf8(""), utf8(""), NONE);
    }

    static List<Compression> codecs() {
        List<Compression> all = new ArrayList<>(List.of(Compression.NONE, Compression.snappy().build()));
        for (int level : new int[] {-1, 1, 9}) all.add(Compression.gzip().level(level).build());
        for (int level : new int[] {9, 1, 17}) all.add(Compression.lz4().level(level).build());
        for (int level : new int[] {3, -7, 22}) all.add(Compression.zstd().level(level).build());
        return all;
    }

    static MemoryRecordsBuilder builder(byte magic, Compression codec, TimestampType type, long base, long appendTime,
                                        long pid, short epoch, int seq, boolean txn, boolean control, int leaderEpoch,
                                        long horizon) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(512), magic, codec, type, base, appendTime, pid,
            epoch, seq, txn, control, leaderEpoch, 1 << 20, horizon);
    }

    static MemoryRecordsBuilder plain(byte magic, Compression codec) {
        return builder(magic, codec, magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME, 40, -1,
            -1, (short) -1, -1, false, false, -1, -1);
    }

    record Batches(PrintStream out) {
        void emit(String name, MemoryRecords records) {
            out.println("case " + name);
            out.println("hex " + hex(records.buffer()));
            dump(out, records, true);
        }

        void all() {
            int index = 0;
            for (Compression codec : codecs()) {
                MemoryRecordsBuilder b = plain((byte) 2, codec);
                fill(b, true);
                emit("v2-" + codec.type().name + "-" + index++, b.build());
            }
            for (byte magic = 0; magic <= 1; magic++)
                for (Compression codec : codecs().subList(0, 6)) {
                    if (codec.type() == CompressionType.ZSTD) continue;
                    MemoryRecordsBuilder b = plain(magic, codec);
                    fill(b, false);
                    emit("v" + magic + "-" + codec.type().name + "-" + index++, b.build());
                }
            MemoryRecordsBuilder b = builder((byte) 1, Compression.gzip().build(), TimestampType.LOG_APPEND_TIME, 7,
                NOW + 9, -1, (short) -1, -1, false, false, -1, -1);
            fill(b, false);
            emit("v1-append-time", b.build());
            b = builder((byte) 2, Compression.NONE, TimestampType.LOG_APPEND_TIME, 0, NOW + 9, 77, (short) 3,
                Integer.MAX_VALUE - 1, true, false, 5, -1);
            fill(b, true);
            emit("v2-transactional-append-time-wrapping-sequence", b.build());
            b = builder((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 1L << 40, -1, -1, (short) -1, -1, false,
                false, 5, NOW + 60_000);
            fill(b, false);
            b.overrideLastOffset((1L << 40) + 9);
            emit("v2-delete-horizon-and-gap", b.build());
            b = builder((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 3, -1, 9, (short) 1, -1, true, true, 2, -1);
            b.appendEndTxnMarker(NOW, new EndTransactionMarker(ControlRecordType.COMMIT, 12));
            emit("v2-commit-marker", b.build());
            b = builder((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 3, -1, -1, (short) -1, -1, false, true, 2, -1);
            b.appendLeaderChangeMessage(NOW, new LeaderChangeMessage().setLeaderId(4).setVersion((short) 0));
            emit("v2-leader-change", b.build());
            b = builder((byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 0, -1, -1, (short) -1, -1, false, true, 2, -1);
            b.appendSnapshotHeaderMessage(NOW, new SnapshotHeaderRecord().setVersion((short) 0).setLastContainedLogTimestamp(5));
            emit("v2-snapshot-header", b.build());
            ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
            DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 77, (short) 3, 10, 100, 109, 6,
                TimestampType.CREATE_TIME, NOW, true, false);
            empty.flip();
            emit("v2-empty", MemoryRecords.readableRecords(empty));
        }
    }

    record Validation(PrintStream out) {
        record Row(long timestamp, String key) { }

        static final LogValidator.MetricsRecorder METRICS = new LogValidator.MetricsRecorder() {
            public void recordInvalidMagic() { }
            public void recordInvalidOffset() { }
            public void recordInvalidSequence() { }
            public void recordInvalidChecksums() { }
            public void recordNoKeyCompactedTopic() { }
        };

        static MemoryRecords records(Compression codec, TimestampType type, boolean txn, Row... rows) {
            MemoryRecordsBuilder b = builder((byte) 2, codec, type, 0, NOW - 3, txn ? 5 : -1, (short) (txn ? 2 : -1),
                txn ? 30 : -1, txn, false, -1, -1);
            for (Row row : rows)
                b.append(row.timestamp, utf8(row.key), utf8("value value value value"), NONE);
            return b.build();
        }

        void verdict(String name, MemoryRecords records, Compression target, boolean compacted, TimestampType type,
                     long before, long after) {
            out.println("case " + name);
            out.printf("rules compression=%s compacted=%b type=%s before=%d after=%d now=%d%n",
                target == null ? "producer" : target.type().name, compacted, type, before, after, NOW);
            out.println("hex " + hex(records.buffer()));
            CompressionType source = records.batches().iterator().next().compressionType();
            MemoryRecords copy = MemoryRecords.readableRecords(ByteBuffer.wrap(
                HexFormat.of().parseHex(hex(records.buffer()).substring(1))));
            LogValidator validator = new LogValidator(copy, new TopicPartition("t", 0), FIXED, source,
                target == null ? Compression.of(source).build() : target, compacted, (byte) 2, type, before, after, 7,
                AppendOrigin.CLIENT);
            try {
                LogValidator.ValidationResult result = validator.validateMessagesAndAssignOffsets(
                    PrimitiveRef.ofLong(1000), METRICS, BufferSupplier.NO_CACHING);
                out.printf("ok max=%d rebuilt=%b%n", result.maxTimestampMs(), result.messageSizeMaybeChanged());
                dump(out, result.validatedRecords(), !result.messageSizeMaybeChanged());
            } catch (RecordValidationException e) {
                out.printf("error code=%d message=%s%n", Errors.forException(e.invalidException()).code(),
                    e.invalidException().getMessage());
                e.recordErrors().forEach(r -> out.printf("record-error %d %s%n", r.batchIndex, r.message));
            } catch (RuntimeException e) {
                out.printf("error code=%d%nreason %s%n", Errors.forException(e).code(), e.getMessage());
            }
        }

        void all() {
            Compression gzip = Compression.gzip().build();
            TimestampType create = TimestampType.CREATE_TIME;
            TimestampType append = TimestampType.LOG_APPEND_TIME;
            List<Compression> codecs = List.of(Compression.NONE, gzip, Compression.snappy().build(),
                Compression.lz4().build(), Compression.zstd().build());
            Row[] good = {new Row(NOW, "a"), new Row(NOW + 7, null), new Row(-1, "c")};
            Row[] late = {new Row(NOW - 101, "a"), new Row(NOW - 100, "b"), new Row(NOW + 201, null)};
            for (Compression codec : codecs) {
                String name = codec.type().name;
                for (Compression target : new Compression[] {null, Compression.NONE, gzip})
                    for (TimestampType type : new TimestampType[] {create, append}) {
                        String what = name + "-to-" + (target == null ? "producer" : target.type().name) + "-" + type;
                        verdict(what, records(codec, create, true, good), target, false, type, Long.MAX_VALUE, 3_600_000);
                    }
                verdict(name + "-no-timestamps", records(codec, create, false, new Row(-1, "a"), new Row(-1, "b")),
                    null, true, create, 0, 0);
                verdict(name + "-missing-keys", records(codec, create, false, good[1], good[0], good[1], good[1], good[1]),
                    null, true, create, Long.MAX_VALUE, Long.MAX_VALUE);
                verdict(name + "-out-of-range", records(codec, create, false, late), null, false, create, 100, 200);
                verdict(name + "-out-of-range-and-no-key", records(codec, create, false, late), null, true, create, 100, 200);
                verdict(name + "-out-of-range-append-time", records(codec, create, false, late), null, false, append, 100, 200);
                for (TimestampType type : new TimestampType[] {create, append})
                    verdict(name + "-producer-sets-append-time-" + type, records(codec, append, false, good), null, false,
                        type, 100, 200);
            }
            for (Compression codec : codecs) {
                patched(codec, "count", 57, 2);
                patched(codec, "count-too-large", 57, 4);
                patched(codec, "last-delta", 23, -1);
                patched(codec, "range", 23, 5);
            }
            MemoryRecords idempotent = records(Compression.NONE, create, true, good);
            verdict("sequence", patch(idempotent, 53, -1), null, false, create, Long.MAX_VALUE, Long.MAX_VALUE);
            MemoryRecordsBuilder control = builder((byte) 2, Compression.NONE, create, 0, -1, 9, (short) 1, -1, true,
                true, 2, -1);
            control.appendEndTxnMarker(NOW, new EndTransactionMarker(ControlRecordType.ABORT, 12));
            verdict("control", control.build(), null, false, create, Long.MAX_VALUE, Long.MAX_VALUE);
        }

        void patched(Compression codec, String what, int at, int value) {
            MemoryRecords records = records(codec, TimestampType.CREATE_TIME, false, new Row(NOW, "a"),
                new Row(NOW, "b"), new Row(NOW, "c"));
            MemoryRecords bad = patch(records, at, value);
            if (what.startsWith("count")) bad = patch(bad, 23, value - 1);
            verdict(codec.type().name + "-" + what, bad, null, false, TimestampType.CREATE_TIME, Long.MAX_VALUE,
                Long.MAX_VALUE);
        }

        static MemoryRecords patch(MemoryRecords records, int at, int value) {
            ByteBuffer buffer = ByteBuffer.wrap(HexFormat.of().parseHex(hex(records.buffer()).substring(1)));
            buffer.putInt(at, value);
            java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
            crc.update(buffer.duplicate().position(21));
            buffer.putInt(17, (int) crc.getValue());
            return MemoryRecords.readableRecords(buffer);
        }
    }

    /** A clock that stands still. */
    static final Time FIXED = (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class},
        (self, method, arguments) -> NOW);
}
