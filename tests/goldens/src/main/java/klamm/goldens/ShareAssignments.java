package klamm.goldens;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.GroupSpec;
import org.apache.kafka.coordinator.group.api.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.assignor.MemberSubscription;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.SimpleAssignor;
import org.apache.kafka.coordinator.group.modern.MemberAssignmentImpl;

/** What Kafka's assignor of share groups makes of groups that change at random: lines for `data/share-assignments.txt`. */
public final class ShareAssignments {
    private static final int GROUPS = 32;
    private static final int STEPS = 6;
    private static final int TOPICS = 4;

    private static final Comparator<Uuid> BY_ID = Comparator.comparing(ShareAssignments::hex);

    private final Random random;
    private final Uuid[] topics = new Uuid[TOPICS];
    private final int[] partitions = new int[TOPICS];
    private final Map<Integer, Set<Integer>> assignable = new TreeMap<>();
    private final Map<String, Set<Integer>> members = new TreeMap<>();
    private Map<String, Map<Uuid, Set<Integer>>> current = new HashMap<>();

    private ShareAssignments(long seed) {
        random = new Random(seed);
        for (int topic = 0; topic < TOPICS; topic++) {
            topics[topic] = new Uuid(random.nextLong(), random.nextLong());
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(Path.of(arguments[0], "share-assignments.txt")))) {
            for (int seed = 0; seed < GROUPS; seed++) {
                ShareAssignments group = new ShareAssignments(seed);
                for (int topic = 0; topic < TOPICS; topic++) {
                    out.printf("topic %d %s%n", topic, hex(group.topics[topic]));
                }
                boolean sameTopics = seed % 2 == 0;
                for (int step = 0; step < STEPS; step++) {
                    group.change(sameTopics);
                    group.assign(out);
                }
            }
        }
    }

    private static String hex(Uuid id) {
        return String.format("%016x%016x", id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    private void change(boolean sameTopics) {
        for (int topic = 0; topic < TOPICS; topic++) {
            if (random.nextInt(3) == 0) {
                partitions[topic] = random.nextInt(4) == 0 ? random.nextInt(40) : random.nextInt(6);
            }
            int uninitialized = random.nextInt(5) == 0 ? random.nextInt(3) : 0;
            Set<Integer> its = new TreeSet<>();
            for (int partition = 0; partition < partitions[topic] - uninitialized; partition++) {
                its.add(partition);
            }
            assignable.put(topic, its);
        }
        int joining = random.nextInt(8) == 0 ? random.nextInt(25) : random.nextInt(3);
        for (int member = 0; member < joining; member++) {
            members.put(new Uuid(random.nextLong(), random.nextLong()).toString(), Set.of());
        }
        for (String member : new ArrayList<>(members.keySet())) {
            if (random.nextInt(6) == 0) {
                members.remove(member);
                current.remove(member);
            }
        }
        Set<Integer> common = someTopics();
        for (Map.Entry<String, Set<Integer>> member : members.entrySet()) {
            if (sameTopics) {
                member.setValue(common);
            } else if (member.getValue().isEmpty() || random.nextInt(4) == 0) {
                member.setValue(someTopics());
            }
        }
    }

    private Set<Integer> someTopics() {
        Set<Integer> some = new TreeSet<>(Set.of(random.nextInt(TOPICS)));
        for (int topic = 0; topic < TOPICS; topic++) {
            if (random.nextBoolean()) {
                some.add(topic);
            }
        }
        return some;
    }

    private void assign(PrintWriter out) {
        boolean homogeneous = new HashSet<>(members.values()).size() <= 1;
        Map<String, MemberAssignment> result;
        try {
            result = new SimpleAssignor().assign(new Spec(homogeneous), new Topics()).members();
        } catch (java.util.NoSuchElementException tooManyElsewhere) {
            return;
        }
        out.printf("assign %s %s%n", homogeneous ? "same" : "different", assignable.entrySet().stream()
            .map(topic -> topic.getKey() + ":" + list(topic.getValue())).collect(Collectors.joining(" ")));
        Map<String, Map<Uuid, Set<Integer>>> next = new HashMap<>();
        for (Map.Entry<String, Set<Integer>> member : members.entrySet()) {
            MemberAssignment gets = result.get(member.getKey());
            Map<Uuid, Set<Integer>> assigned = gets == null ? Map.of() : gets.partitions();
            next.put(member.getKey(), assigned);
            out.printf("member %s subscribes %s has %s gets %s%n", member.getKey(), list(member.getValue()),
                show(current.getOrDefault(member.getKey(), Map.of())), show(assigned));
        }
        current = next;
    }

    private String show(Map<Uuid, Set<Integer>> assignment) {
        List<String> shown = new ArrayList<>();
        for (int topic = 0; topic < TOPICS; topic++) {
            Set<Integer> its = assignment.getOrDefault(topics[topic], Set.of());
            if (!its.isEmpty()) {
                shown.add(topic + ":" + list(its));
            }
        }
        return shown.isEmpty() ? "-" : String.join("/", shown);
    }

    private static long slot(String member) {
        return member.hashCode() * -7046029254386353131L;
    }

    private static String list(Collection<Integer> numbers) {
        return new TreeSet<>(numbers).stream().map(String::valueOf).collect(Collectors.joining(","));
    }

    private final class Topics implements SubscribedTopicDescriber {
        @Override
        public int numPartitions(Uuid topic) {
            return partitions[List.of(topics).indexOf(topic)];
        }

        @Override
        public Set<String> racksForPartition(Uuid topic, int partition) {
            return Set.of();
        }
    }

    private final class Spec implements GroupSpec {
        private final Map<String, Set<Integer>> byId = new HashMap<>();
        private final boolean homogeneous;

        Spec(boolean homogeneous) {
            // As the coordinator's own table of members is walked through.
            members.keySet().stream().sorted((one, other) -> Long.compareUnsigned(slot(one), slot(other)))
                .forEach(member -> byId.put(member, members.get(member)));
            this.homogeneous = homogeneous;
        }

        @Override
        public Collection<String> memberIds() {
            return byId.keySet();
        }

        @Override
        public SubscriptionType subscriptionType() {
            return homogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        }

        @Override
        public boolean isPartitionAssigned(Uuid topic, int partition) {
            return false;
        }

        @Override
        public boolean isPartitionAssignable(Uuid topic, int partition) {
            return assignable.get(List.of(topics).indexOf(topic)).contains(partition);
        }

        @Override
        public MemberSubscription memberSubscription(String member) {
            Set<Uuid> ids = new TreeSet<>(BY_ID);
            byId.get(member).forEach(topic -> ids.add(topics[topic]));
            return new MemberSubscription() {
                @Override
                public java.util.Optional<String> rackId() {
                    return java.util.Optional.empty();
                }

                @Override
                public java.util.Optional<String> instanceId() {
                    return java.util.Optional.empty();
                }

                @Override
                public Set<Uuid> subscribedTopicIds() {
                    return ids;
                }
            };
        }

        @Override
        public MemberAssignment memberAssignment(String member) {
            Map<Uuid, Set<Integer>> copy = new TreeMap<>(BY_ID);
            current.getOrDefault(member, Map.of()).forEach((topic, its) -> copy.put(topic, new TreeSet<>(its)));
            return new MemberAssignmentImpl(copy);
        }
    }
}
