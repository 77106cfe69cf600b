package klamm.goldens;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.AbstractResponse;

/**
 * Writes which error codes Kafka counts in every kind of response, in each version whose error codes are in other places
 * than in the one before, and in the latest.
 *
 * Arguments: the folder to write to. See README.md for the format.
 */
public final class ErrorCounts {
    /** Of every three codes, which are none. */
    private static final Map<String, String> VARIANTS = new TreeMap<>(Map.of("errors", "", "even", "0", "odd", "12"));

    private final Map<Short, ApiKeys> apis = new TreeMap<>();
    private final PrintWriter out;

    private ErrorCounts(PrintWriter out) {
        this.out = out;
        for (ApiKeys api : ApiKeys.values()) {
            apis.put(api.id, api);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createDirectories(Path.of(arguments[0]));
        try (PrintWriter out = new PrintWriter(folder.resolve("error-counts.txt").toFile(), StandardCharsets.UTF_8)) {
            ErrorCounts counts = new ErrorCounts(out);
            for (JsonNode definition : Goldens.definitions("kafka-clients").values()) {
                boolean isThere = !definition.get("validVersions").asText().equals("none");
                if (isThere && definition.get("type").asText().equals("response")) {
                    counts.response(definition);
                }
            }
        }
    }

    private void response(JsonNode definition) throws Exception {
        String before = "";
        for (short version = 0; version < 100; version++) {
            String range = definition.get("validVersions").asText();
            if (!Filler.contains(range, version)) {
                continue;
            }
            boolean isLatest = !Filler.contains(range, (short) (version + 1));
            StringBuilder places = new StringBuilder();
            places(filled(definition, version), "", places);
            if (isLatest || !places.toString().equals(before)) {
                for (Map.Entry<String, String> variant : VARIANTS.entrySet()) {
                    ObjectNode form = filled(definition, version);
                    new Codes(variant.getValue()).set(form);
                    print(definition, version, variant.getKey(), form);
                }
                ObjectNode empty = filled(definition, version);
                empty.forEach(field -> {
                    if (field instanceof ArrayNode array) {
                        array.removeAll();
                    }
                });
                new Codes("").set(empty);
                print(definition, version, "empty", empty);
            }
            before = places.toString();
        }
    }

    private static ObjectNode filled(JsonNode definition, short version) {
        return new Filler(definition, version, false).struct(definition.get("fields"));
    }

    /** Where there are error codes. */
    private static void places(JsonNode node, String path, StringBuilder places) {
        node.fields().forEachRemaining(field -> {
            String place = path + "." + field.getKey();
            if (isErrorCode(field.getKey())) {
                places.append(place).append('\n');
            }
            places(field.getValue(), place, places);
        });
        if (node.isArray() && !node.isEmpty()) {
            places(node.get(0), path, places);
        }
    }

    private static boolean isErrorCode(String name) {
        return name.toLowerCase(java.util.Locale.ROOT).endsWith("errorcode");
    }

    /** Gives every place a code of its own, or none. */
    private static final class Codes {
        private final String zeros;
        private int count;
        private short code;

        private Codes(String zeros) {
            this.zeros = zeros;
        }

        private void set(JsonNode node) {
            if (node instanceof ObjectNode struct) {
                struct.fieldNames().forEachRemaining(name -> {
                    if (isErrorCode(name)) {
                        boolean isNone = zeros.contains(String.valueOf(count++ % 3));
                        struct.set(name, JsonNodeFactory.instance.numberNode(isNone ? 0 : ++code));
                    } else {
                        set(struct.get(name));
                    }
                });
            } else {
                node.forEach(this::set);
            }
        }
    }

    private void print(JsonNode definition, short version, String variant, ObjectNode form) throws Exception {
        String name = definition.get("name").asText();
        String data = "org.apache.kafka.common.message." + name + "Data";
        var read = Class.forName(data + "JsonConverter").getMethod("read", JsonNode.class, short.class);
        Message message = (Message) read.invoke(null, form, version);
        byte[] bytes = new byte[MessageUtil.toByteBufferAccessor(message, version).buffer().remaining()];
        MessageUtil.toByteBufferAccessor(message, version).buffer().get(bytes);
        AbstractResponse response = AbstractResponse.parseResponse(
            apis.get((short) definition.get("apiKey").asInt()),
            new ByteBufferAccessor(java.nio.ByteBuffer.wrap(bytes)), version);
        StringBuilder counts = new StringBuilder();
        for (Map.Entry<Errors, Integer> count : new TreeMap<>(response.errorCounts()).entrySet()) {
            counts.append(counts.isEmpty() ? "" : ",").append(count.getKey().code()).append(':').append(count.getValue());
        }
        String rest = HexFormat.of().formatHex(bytes) + " " + (counts.isEmpty() ? "-" : counts);
        out.println(name + " " + version + " " + variant + " " + rest);
    }
}
