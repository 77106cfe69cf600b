import java.time.Duration;
import java.util.Map;
import java.util.Properties;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Materialized;

/**
 * A Kafka Streams application in a streams group (KIP-1071): counts the records of a topic by value, so that it has a
 * repartition topic and a changelog. Leaves its group when it is told to end.
 *
 * Arguments: bootstrap servers, application id, topic, folder for state.
 */
public class StreamsApp {
    public static void main(String[] args) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(args[2])
            .selectKey((key, value) -> value)
            .groupByKey()
            .count(Materialized.as("counts"));
        Properties properties = new Properties();
        properties.putAll(Map.of(
            "bootstrap.servers", args[0],
            "application.id", args[1],
            "state.dir", args[3],
            "group.protocol", "streams",
            "client.id", "app",
            "num.stream.threads", "2",
            "commit.interval.ms", "100",
            "consumer.auto.offset.reset", "earliest",
            "default.key.serde", Serdes.StringSerde.class,
            "default.value.serde", Serdes.StringSerde.class));
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(
            CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP)
                .withTimeout(Duration.ofSeconds(20)))));
        streams.start();
    }
}
