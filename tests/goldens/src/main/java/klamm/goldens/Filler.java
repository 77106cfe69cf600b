package klamm.goldens;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.Uuid;

/** Makes the JSON form of a message from its definition: every field the version has, with values that differ. */
final class Filler {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private final short version;
    private final boolean nulls;
    private final Random random;
    private final Map<String, JsonNode> structs = new HashMap<>();
    private int count;

    /** With nulls, every field that may be null is. The seed makes the values the same in every run. */
    Filler(JsonNode definition, short version, boolean nulls) {
        this.version = version;
        this.nulls = nulls;
        this.random = new Random(definition.get("name").asText().hashCode() * 31L + version);
        for (JsonNode struct : definition.path("commonStructs")) {
            structs.put(struct.get("name").asText(), struct.get("fields"));
        }
    }

    ObjectNode struct(JsonNode fields) {
        ObjectNode node = NODES.objectNode();
        for (JsonNode field : fields) {
            JsonNode versions = field.has("versions") ? field.get("versions") : field.get("taggedVersions");
            if (contains(versions.asText(), version)) {
                String name = field.get("name").asText();
                node.set(Character.toLowerCase(name.charAt(0)) + name.substring(1), value(field));
            }
        }
        return node;
    }

    private JsonNode value(JsonNode field) {
        if (nulls && contains(field.path("nullableVersions").asText("none"), version)) {
            return NODES.nullNode();
        }
        String type = field.get("type").asText();
        if (!type.startsWith("[]")) {
            return single(type, field);
        }
        ArrayNode array = NODES.arrayNode();
        for (int i = 0; i < 2; i++) {
            array.add(single(type.substring(2), field));
        }
        return array;
    }

    private JsonNode single(String type, JsonNode field) {
        switch (type) {
            case "bool": return NODES.booleanNode(count++ % 3 != 0);
            case "int8": return NODES.numberNode((byte) random.nextInt());
            case "int16": return NODES.numberNode((short) random.nextInt());
            case "uint16": return NODES.numberNode(random.nextInt() & 0xffff);
            case "int32": return NODES.numberNode(random.nextInt());
            case "uint32": return NODES.numberNode(random.nextInt() & 0xffffffffL);
            case "int64": return NODES.numberNode(random.nextLong());
            case "float64": return NODES.numberNode(random.nextInt() / 64.0);
            case "uuid": return NODES.textNode(new Uuid(random.nextLong(), random.nextLong()).toString());
            case "string": return NODES.textNode(text(field.get("name").asText()));
            case "bytes":
            case "records": return NODES.binaryNode(bytes());
            default:
                JsonNode fields = structs.containsKey(type) ? structs.get(type) : field.get("fields");
                if (fields == null) {
                    throw new IllegalStateException("no struct " + type);
                }
                return struct(fields);
        }
    }

    /** Mostly short, now and then with letters of several bytes or longer than what one byte of length can say. */
    private String text(String name) {
        int number = count++;
        switch (number % 7) {
            case 3: return name + "-\u00fc\u20ac\ud83d\ude80-" + number;
            case 5: return name + "-" + "x".repeat(130) + number;
            default: return name + number;
        }
    }

    private byte[] bytes() {
        byte[] bytes = new byte[3 + count++ % 5];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Whether a range as the definitions write it, such as 2, 0-7, 3+ or none, contains the version. */
    static boolean contains(String range, short version) {
        if (range.equals("none") || range.isEmpty()) {
            return false;
        }
        if (range.endsWith("+")) {
            return version >= Short.parseShort(range.substring(0, range.length() - 1));
        }
        String[] ends = range.split("-");
        return version >= Short.parseShort(ends[0]) && version <= Short.parseShort(ends[ends.length - 1]);
    }
}
