package klamm.goldens;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarFile;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.RawTaggedField;

/**
 * Writes what Kafka's own classes make of every message in every version: the bytes, and the JSON of its converters.
 *
 * Arguments: the folder to write to. See README.md for the format.
 */
public final class Goldens {
    private static final Map<String, String> PACKAGES = Map.of(
        "kafka-clients", "org.apache.kafka.common.message",
        "kafka-metadata", "org.apache.kafka.common.metadata",
        "kafka-raft", "org.apache.kafka.raft.generated",
        "kafka-storage", "org.apache.kafka.server.log.remote.metadata.storage.generated",
        "kafka-group-coordinator", "org.apache.kafka.coordinator.group.generated",
        "kafka-share-coordinator", "org.apache.kafka.coordinator.share.generated",
        "kafka-transaction-coordinator", "org.apache.kafka.coordinator.transaction.generated");
    private static final int UNKNOWN_TAG = 9999;

    private final PrintWriter bytes;
    private final PrintWriter json;

    private Goldens(PrintWriter bytes, PrintWriter json) {
        this.bytes = bytes;
        this.json = json;
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createDirectories(Path.of(arguments[0]));
        try (PrintWriter bytes = new PrintWriter(folder.resolve("bytes.txt").toFile(), StandardCharsets.UTF_8);
             PrintWriter json = new PrintWriter(folder.resolve("json.txt").toFile(), StandardCharsets.UTF_8)) {
            Goldens goldens = new Goldens(bytes, json);
            for (String artifact : new java.util.TreeSet<>(PACKAGES.keySet())) {
                for (JsonNode definition : definitions(artifact).values()) {
                    goldens.message(PACKAGES.get(artifact), definition);
                }
            }
        }
    }

    /** The definitions inside the jar of an artifact, by name. */
    static Map<String, JsonNode> definitions(String artifact) throws Exception {
        ObjectMapper mapper = new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);
        Map<String, JsonNode> definitions = new TreeMap<>();
        for (String path : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
            if (!Path.of(path).getFileName().toString().startsWith(artifact + "-4.")) {
                continue;
            }
            try (JarFile jar = new JarFile(path)) {
                for (var entry : jar.stream().toList()) {
                    if (entry.getName().matches("(common/)?(message|metadata)/[A-Za-z]*\\.json")) {
                        try (InputStream in = jar.getInputStream(entry)) {
                            JsonNode definition = mapper.readTree(in);
                            definitions.put(definition.get("name").asText(), definition);
                        }
                    }
                }
            }
        }
        if (definitions.isEmpty()) {
            throw new IllegalStateException("no definitions of " + artifact + " in the class path");
        }
        return definitions;
    }

    private void message(String packageName, JsonNode definition) throws Exception {
        if (definition.get("validVersions").asText().equals("none")) {
            return;
        }
        String name = definition.get("name").asText();
        String type = definition.get("type").asText();
        boolean suffixed = type.equals("request") || type.equals("response") || type.equals("header");
        String className = packageName + "." + name + (suffixed ? "Data" : "");
        Class<?> messageClass = Class.forName(className);
        Class<?> converter = Class.forName(className + "JsonConverter");
        var read = converter.getMethod("read", JsonNode.class, short.class);
        var write = converter.getMethod("write", messageClass, short.class, boolean.class);
        for (short version = 0; version < 100; version++) {
            if (!Filler.contains(definition.get("validVersions").asText(), version)) {
                continue;
            }
            Message defaults = (Message) messageClass.getConstructor().newInstance();
            print(name, version, "default", defaults, write);
            for (boolean nulls : new boolean[] {false, true}) {
                JsonNode form = new Filler(definition, version, nulls).struct(definition.get("fields"));
                Message filled = (Message) read.invoke(null, form, version);
                if (!nulls && Filler.contains(definition.path("flexibleVersions").asText("none"), version)) {
                    filled.unknownTaggedFields().add(new RawTaggedField(UNKNOWN_TAG, new byte[] {1, 2, 3}));
                }
                print(name, version, nulls ? "nulls" : "filled", filled, write);
            }
        }
    }

    private void print(String name, short version, String variant, Message message, java.lang.reflect.Method write)
            throws Exception {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] array = new byte[buffer.remaining()];
        buffer.get(array);
        String head = name + " " + version + " " + variant + " ";
        bytes.println(head + HexFormat.of().formatHex(array));
        json.println(head + write.invoke(null, message, version, false));
    }
}
