// Writes the facts about every config key of the Kafka jars on the class path, one tab-separated row per key:
// area, name, type, default, valid values, importance, dynamic update mode, internal, synonyms.
// Facts only; documentation text is deliberately left out. Run by `./generate.sh`.

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.ConfigKey;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;

public class ConfigFacts {
    public static void main(String[] args) {
        System.out.println("# area\tname\ttype\tdefault\tvalid\timportance\tdynamic\tinternal\tsynonyms");
        Map<String, String> modes = DynamicBrokerConfig.dynamicConfigUpdateModes();
        rows("broker", AbstractKafkaConfig.CONFIG_DEF, k -> modes.getOrDefault(k, "read-only"),
            k -> String.join(",", DynamicBrokerConfig.brokerConfigSynonyms(k, true)));
        rows("broker-quota", QuotaConfig.brokerQuotaConfigs(), k -> modes.getOrDefault(k, "read-only"), k -> "");
        rows("topic", LogConfig.configDefCopy(), k -> "", k ->
            Optional.ofNullable(ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.get(k)).map(l -> l.stream()
                .map(s -> s.name() + "*" + (s.converter().apply("1"))).collect(Collectors.joining(","))).orElse(""));
        rows("group", GroupConfig.CONFIG_DEF, k -> "", k ->
            GroupConfig.ALL_GROUP_CONFIG_SYNONYMS.getOrDefault(k, Optional.empty()).orElse(""));
        rows("client-metrics", ClientMetricsConfigs.configDef(), k -> "", k -> "");
        rows("user-client-quota", QuotaConfig.scramMechanismsPlusUserAndClientQuotaConfigs(), k -> "", k -> "");
        rows("ip-quota", QuotaConfig.ipConfigs(), k -> "", k -> "");
    }

    interface ByName {
        String of(String name);
    }

    static void rows(String area, ConfigDef def, ByName mode, ByName synonyms) {
        for (Map.Entry<String, ConfigKey> e : new TreeMap<>(def.configKeys()).entrySet()) {
            ConfigKey k = e.getValue();
            System.out.println(String.join("\t", area, k.name, k.type.name(), value(k), valid(k), k.importance.name(),
                mode.of(k.name), Boolean.toString(k.internalConfig), synonyms.of(k.name)));
        }
    }

    static String value(ConfigKey k) {
        if (k.defaultValue == ConfigDef.NO_DEFAULT_VALUE) return "<none>";
        if (k.defaultValue == null) return "<null>";
        if (k.defaultValue instanceof Password p) return p.value();
        return ConfigDef.convertToString(k.defaultValue, k.type).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t");
    }

    static String valid(ConfigKey k) {
        if (k.validator == null) return "";
        String text = k.validator.toString();
        if (text.contains("@")) text = k.validator.getClass().getName();
        if (text.startsWith("(case insensitive) [")) {
            // The order within Kafka's hash set is of no meaning.
            List<String> names = new ArrayList<>(List.of(text.substring(20, text.length() - 1).split(", ")));
            names.sort(Comparator.naturalOrder());
            text = "(case insensitive) [" + String.join(", ", names) + "]";
        }
        if (k.validator instanceof ConfigDef.ValidList) text += flag(k, "isEmptyAllowed", " empty") + flag(k, "isNullAllowed", " null");
        return (k.validator.getClass().getSimpleName() + " " + text.replace("\t", " ")).replaceAll(" +", " ").strip();
    }

    /** Whether a list may be empty or null decides what is accepted, but has no place in the validator's text. */
    static String flag(ConfigKey k, String field, String text) {
        try {
            Field f = ConfigDef.ValidList.class.getDeclaredField(field);
            f.setAccessible(true);
            return f.getBoolean(k.validator) ? text : "";
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
