// Writes random properties texts with what java.util.Properties makes of them, one tab-separated row per text: the text,
// then key and value alternately, all in hexadecimal UTF-8, or the word `malformed`. Run by `./generate.sh`.

import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;

public class PropertiesCases {
    static final String[] PIECES = {"a", "b", "key", "=", ":", " ", "\t", "\f", "#", "!", "\\", "\\\\", "\n", "\r",
        "\r\n", "\\\n", "\\\r\n", "\\u0041", "\\u00", "\\t", "\\n", "\u00e4", "=", "\n"};

    public static void main(String[] args) throws Exception {
        Random random = new Random(4301);
        for (int i = 0; i < 500; i++) {
            StringBuilder text = new StringBuilder();
            int length = 1 + random.nextInt(14);
            for (int j = 0; j < length; j++) text.append(PIECES[random.nextInt(PIECES.length)]);
            StringBuilder row = new StringBuilder(hex(text.toString()));
            Properties properties = new Properties();
            try {
                properties.load(new StringReader(text.toString()));
                Map<String, String> sorted = new TreeMap<>();
                properties.forEach((k, v) -> sorted.put((String) k, (String) v));
                sorted.forEach((k, v) -> row.append('\t').append(hex(k)).append('\t').append(hex(v)));
            } catch (IllegalArgumentException e) {
                row.append("\tmalformed");
            }
            System.out.println(row);
        }
    }

    static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
