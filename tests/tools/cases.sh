# The cases of run.sh: compare exact|sorted|status COMMAND ARGUMENTS...
# Cases build on each other: what one creates the next describes. What only one side may do (creating, deleting) is done
# by ours, then looked at by both.

t="$klamm topics --bootstrap-server $BOOTSTRAP"
# Both on node 0, whose files are looked at in the end.
$t --create --topic plain --replica-assignment 0,0,0 > /dev/null
$t --create --topic kept --replica-assignment 0 --config cleanup.policy=compact --config retention.ms=86400000 --config segment.bytes=1048576 > /dev/null
for i in $(seq 20); do echo "k$i:v$i"; done > "$work/keyed"
printf 'h1:a,h2:b\tk1\tv1\nh1:c\tk2\tNULL\n' > "$work/headers"
input=$work/keyed; "$klamm" console-producer --bootstrap-server "$BOOTSTRAP" --topic plain --reader-property parse.key=true --reader-property key.separator=: < "$input"
"$klamm" console-producer --bootstrap-server "$BOOTSTRAP" --topic kept --reader-property parse.key=true --reader-property parse.headers=true --reader-property null.marker=NULL < "$work/headers"
unset input

# Formatting, each time anew.
sed "s#^log.dirs=.*#log.dirs=$work/fresh/a,$work/fresh/b#" "$work/0.properties" > "$work/fresh.properties"
sed '/bootstrap.servers/d' "$work/fresh.properties" > "$work/static.properties"
echo 'controller.quorum.voters=0@localhost:1' >> "$work/static.properties"
between="rm -rf $work/fresh" format=(storage format -t AAAAAAAAAAAAAAAAAAAAAA)
rm -rf "$work/fresh"
compare sorted "${format[@]}" -c WORK/static.properties
rm -rf "$work/fresh"
compare sorted "${format[@]}" -c WORK/fresh.properties --standalone
compare status "${format[@]}" -c WORK/fresh.properties
rm -rf "$work/fresh"
compare sorted "${format[@]}" -c WORK/fresh.properties --no-initial-controllers
rm -rf "$work/fresh"
compare sorted "${format[@]}" -c WORK/fresh.properties --initial-controllers 0@localhost:1:AAAAAAAAAAEAAAAAAAAAAA -r 4.0
rm -rf "$work/fresh"
alice='SCRAM-SHA-256=[name=alice,password=alice-secret,salt=c2FsdHNhbHRzYWx0]'
bob='SCRAM-SHA-512=[name="bob",iterations=8192,salt=c2FsdA,password=""q"]'
compare sorted "${format[@]}" -c WORK/static.properties -S "$alice" --add-scram "$bob" --feature group.version=0
unset between
compare exact dump-log --files WORK/fresh/a/bootstrap.checkpoint --cluster-metadata-decoder
compare exact storage info -c WORK/0.properties
compare sorted "${format[@]}" -c WORK/0.properties --standalone
compare sorted "${format[@]}" -c WORK/0.properties --standalone -g
for wrong in 'x' 'SCRAM-MD5=[name=a]' 'SCRAM-SHA-256=[name=a,password=p,iterations=1]' 'SCRAM-SHA-256=[name=a,saltedpassword=AA]'; do
  compare sorted "${format[@]}" -c WORK/static.properties -g -S "$wrong"
done
compare sorted "${format[@]}" -c WORK/static.properties -g -r 3.4 -S "$alice"
compare sorted "${format[@]}" -c WORK/static.properties -g -f nosuch.feature=1
compare sorted "${format[@]}" -c WORK/static.properties -g -f transaction.version=9
compare exact storage version-mapping
compare exact storage version-mapping -r 3.7
compare exact storage version-mapping -r 1.0
compare exact storage feature-dependencies -f transaction.version=2 -f metadata.version=17 -f eligible.leader.replicas.version=1
compare exact storage feature-dependencies -f nosuch=1

compare exact topics BS --list
compare exact topics BS --describe
compare exact topics BS --describe --topic plain
compare exact topics BS --describe --topic 'ke.*|pl.*'
compare exact topics BS --describe --topics-with-overrides
compare exact topics BS --describe --under-replicated-partitions
compare exact topics BS --describe --at-min-isr-partitions
compare exact topics BS --describe --topic nope
compare exact topics BS --describe --topic nope --if-exists
compare exact topics BS --create --topic plain
compare exact topics BS --create --topic 'bad name'
compare exact topics BS --create --topic x --config nokey=1
compare exact topics BS --create --topic x --config retention.ms=abc
compare exact topics BS --create --topic x --replication-factor 3
compare exact topics BS --create --topic x --partitions 0
compare exact topics BS --alter --topic plain --partitions 2
compare exact topics BS --delete --topic nope
compare status topics --list
compare status topics BS --list --create
compare status topics BS

compare exact console-consumer BS --topic kept --from-beginning --max-messages 2 --formatter-property print.key=true --formatter-property print.headers=true --formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.timestamp=true
compare sorted console-consumer BS --topic plain --from-beginning --max-messages 20 --formatter-property print.key=true --formatter-property key.separator=/
compare exact console-consumer BS --topic plain --partition 1 --offset earliest --timeout-ms 3000 --formatter-property print.offset=true
compare exact console-consumer BS --topic plain --partition 1 --offset 2 --max-messages 1 --formatter-property print.key=true
compare exact console-consumer BS --topic kept --partition 0 --from-beginning --max-messages 2 --formatter-property null.literal=- --key-deserializer org.apache.kafka.common.serialization.StringDeserializer
compare status console-consumer BS --topic plain --offset 3
compare status console-consumer BS

"$klamm" console-consumer --bootstrap-server "$BOOTSTRAP" --topic plain --from-beginning --max-messages 15 --group g1 > /dev/null 2>&1
compare sorted consumer-groups BS --list
compare sorted consumer-groups BS --list --state
compare sorted consumer-groups BS --list --type
compare sorted consumer-groups BS --list --state empty
compare exact consumer-groups BS --describe --group g1
compare exact consumer-groups BS --describe --group g1 --verbose
compare exact consumer-groups BS --describe --group g1 --state --verbose
compare exact consumer-groups BS --describe --group g1 --members
"$klamm" console-consumer --bootstrap-server "$BOOTSTRAP" --topic plain --group g2 > /dev/null 2>&1 & member=$!
# Until it has committed, each look at it could see something else.
for _ in $(seq 60); do
  "$klamm" consumer-groups --bootstrap-server "$BOOTSTRAP" --describe --group g2 2> /dev/null | grep -q "^g2  *plain  *2  *[0-9]" && break
  sleep 0.5
done
compare exact consumer-groups BS --describe --group g2
compare exact consumer-groups BS --describe --group g2 --members --verbose
compare exact consumer-groups BS --describe --group g2 --state
compare sorted consumer-groups BS --describe --all-groups
compare sorted consumer-groups BS --reset-offsets --group g2 --topic plain --to-earliest --dry-run
kill $member; wait $member 2> /dev/null
for where in --to-earliest --to-latest --to-current '--to-offset 3' '--shift-by -1' '--shift-by 100' '--to-datetime 2020-01-01T00:00:00.000' '--by-duration P1D'; do
  compare sorted consumer-groups BS --reset-offsets --group g1 --topic plain $where --dry-run
done
compare exact console-consumer BS --topic __consumer_offsets --partition 0 --from-beginning --max-messages 6 --formatter org.apache.kafka.tools.consumer.OffsetsMessageFormatter
compare exact console-consumer BS --topic __consumer_offsets --partition 0 --from-beginning --max-messages 6 --formatter org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter
compare sorted consumer-groups BS --reset-offsets --group g1 --topic plain:0,1 --to-offset 1 --execute
compare exact consumer-groups BS --describe --group g1
compare sorted consumer-groups BS --reset-offsets --group g1 --all-topics --to-latest --dry-run --export
printf 'plain,0,2\nplain,1,3\n' > "$work/plan.csv"
compare sorted consumer-groups BS --reset-offsets --group g1 --from-file WORK/plan.csv --dry-run
compare exact consumer-groups --validate-regex 'a.*'
compare status consumer-groups BS --describe
compare status consumer-groups BS --reset-offsets --group g1 --to-latest

# Share groups. Kafka's console consumer is a member of one; another one only has offsets.
compare exact share-groups BS --list
compare exact share-groups BS --list --state
$t --create --topic shared --replica-assignment 0,0 > /dev/null
input=$work/keyed; "$klamm" console-producer --bootstrap-server "$BOOTSTRAP" --topic shared --reader-property parse.key=true --reader-property key.separator=: < "$input"
unset input
share="$klamm share-groups --bootstrap-server $BOOTSTRAP"
compare sorted share-groups BS --reset-offsets --group s1 --topic shared --to-earliest --dry-run
compare sorted share-groups BS --reset-offsets --group s1 --topic shared:1 --to-latest --dry-run
compare sorted share-groups BS --reset-offsets --group s1 --topic shared --to-earliest --execute
compare exact share-groups BS --describe --group s1
compare exact share-groups BS --describe --group s1 --verbose
compare exact share-groups BS --describe --group s1 --state
compare exact share-groups BS --describe --group s1 --state --verbose
compare exact share-groups BS --describe --group s1 --members
compare sorted share-groups BS --reset-offsets --group s1 --topic shared --to-datetime 2020-01-01T00:00:00.000 --dry-run
compare sorted share-groups BS --reset-offsets --group s1 --topic shared --to-datetime 2120-01-01T00:00:00.000 --dry-run
compare sorted share-groups BS --reset-offsets --group s1 --all-topics --to-latest --execute
compare exact share-groups BS --describe --group s1 --offsets
compare status share-groups BS --reset-offsets --group s1 --topic nope --to-latest --execute
compare exact share-groups BS --reset-offsets --group s1 --topic shared:7 --to-latest --execute
java "${jvm[@]}" -Dlog4j2.configurationFile=tests/conformance/kafka-real/log4j2-tools.properties -cp "$kafka_cp" \
  $tools.consumer.ConsoleShareConsumer --bootstrap-server "$BOOTSTRAP" --topic shared --group s2 > /dev/null 2>&1 & member=$!
for _ in $(seq 100); do
  $share --describe --group s2 2> /dev/null | grep -q "^s2  *shared  *1  *[0-9]" && break
  sleep 0.2
done
compare exact share-groups BS --describe --group s2 --members
compare exact share-groups BS --describe --group s2 --members --verbose
compare exact share-groups BS --describe --group s2 --state --verbose
compare exact share-groups BS --describe --group s2
compare sorted share-groups BS --describe --all-groups --verbose
compare sorted share-groups BS --list
compare sorted share-groups BS --list --state
compare sorted share-groups BS --list --state stable
compare status share-groups BS --reset-offsets --group s2 --topic shared --to-latest --execute
compare exact share-groups BS --delete-offsets --group s2 --topic shared
compare exact share-groups BS --delete --group s2
compare exact share-groups BS --delete --group nope
kill "$member"; wait "$member" 2> /dev/null
compare exact share-groups BS --delete-offsets --group s1 --topic nope
compare exact share-groups BS --delete-offsets --group nope --topic shared
again() { $share --reset-offsets --group s1 --topic shared --to-earliest --execute > /dev/null; }
between=again
compare exact share-groups BS --delete-offsets --group s1 --topic shared
compare exact share-groups BS --delete --group s1
unset between
compare exact share-groups BS --describe --group nope
# Each reads the same records, since the group begins anew between the two. What the one before has said on leaving has
# to be written first.
again() { sleep 2; $share --reset-offsets --group s3 --topic shared --to-earliest --execute > /dev/null; }
between=again; again
reads=(BS --topic shared --group s3 --timeout-ms 5000)
compare sorted console-share-consumer "${reads[@]}" --max-messages 20
again
compare sorted console-share-consumer "${reads[@]}" --formatter-property print.key=true --formatter-property print.delivery=true --formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.timestamp=true
# What is released comes again, until it has been delivered five times.
again
compare sorted console-share-consumer "${reads[@]}" --release --formatter-property print.delivery=true
again
compare sorted console-share-consumer "${reads[@]}" --reject --command-property max.poll.records=3 --command-property share.acquire.mode=record_limit
unset between
compare exact share-groups BS --describe --group s3
compare status console-share-consumer BS --topic shared --group s3 --reject --release
compare status console-share-consumer BS --group s3
for wrong in --describe --delete '--delete --group s1 --topic t' '--reset-offsets --group s1 --topic t --execute' \
  '--describe --group s1 --members --state' '--list --members' '--list --state nope' --list\ --describe; do
  compare status share-groups BS $wrong
done

# How fast a share group reads: the same columns, and the same number of records.
again() { sleep 2; $share --reset-offsets --group s4 --topic shared --to-earliest --execute > /dev/null; }
between=again mask='s/[0-9-]+ [0-9:]+/TIME/g; s/[0-9]+\.[0-9]+/RATE/g; s/, [0-9]+( for share.*)?$/, MS\1/'
perf=(share-consumer-perf-test BS --topic shared --group s4)
again
compare exact "${perf[@]}" --num-records 20
again
compare exact "${perf[@]}" --num-records 20 --show-consumer-stats --hide-header
again
compare exact "${perf[@]}" --messages 20 --threads 2 --show-detailed-stats
again
compare exact "${perf[@]}" --num-records 20 --date-format 'yyyy-MM-dd HH:mm'
unset between mask
compare status share-consumer-perf-test BS --topic shared
compare status share-consumer-perf-test BS --num-records 1

. tests/tools/streams.sh

compare exact get-offsets BS
compare exact get-offsets BS --topic plain --time earliest
compare exact get-offsets BS --topic plain --time -3
compare exact get-offsets BS --topic-partitions 'plain:1-,kept'
compare exact get-offsets BS --topic nope
compare exact get-offsets BS --time soon

# What it says while it runs does not end: see its tests.
compare exact replica-verification --broker-list "$BOOTSTRAP" --topics-include nope
compare exact replica-verification --broker-list "$BOOTSTRAP" --topics-include '('
compare status replica-verification --broker-list nohost
compare status replica-verification --fetch-size 1
compare status replica-verification --broker-list "$BOOTSTRAP" --time soon

compare exact configs BS --describe --topic kept
compare exact configs BS --describe --topic kept --all
compare exact configs BS --describe --topic plain
compare exact configs BS --describe --topic nope
compare sorted configs BS --describe --entity-type topics
compare exact configs BS --alter --topic plain --add-config 'retention.ms=1000,cleanup.policy=[compact,delete]'
compare exact configs BS --describe --topic plain
compare exact configs BS --alter --topic plain --delete-config retention.ms,cleanup.policy
compare exact configs BS --describe --topic plain
compare exact configs BS --alter --broker 0 --add-config log.cleaner.threads=2
compare exact configs BS --describe --broker 0
compare exact configs BS --alter --broker 0 --delete-config log.cleaner.threads
compare exact configs BS --alter --broker-defaults --add-config message.max.bytes=2000000
compare exact configs BS --describe --broker-defaults
compare exact configs BS --describe --entity-type brokers
compare exact configs BS --alter --broker-defaults --delete-config message.max.bytes
compare exact configs BS --alter --topic plain --add-config nokey=1
compare exact configs BS --alter --topic plain --add-config retention.ms=abc
compare status configs BS --alter --topic plain

# Quotas and credentials: what is set is looked at by both, then taken away again.
compare exact configs BS --alter --user alice --add-config 'producer_byte_rate=1024,consumer_byte_rate=10485760'
compare exact configs BS --alter --entity-type users --entity-name alice --entity-type clients --entity-name c1 --add-config request_percentage=50
compare exact configs BS --alter --entity-type users --entity-default --entity-type clients --entity-name c1 --add-config request_percentage=51.5
compare exact configs BS --alter --user-defaults --add-config controller_mutation_rate=2
compare exact configs BC --alter --client-defaults --add-config producer_byte_rate=0.0001
compare exact configs BS --alter --ip 10.0.0.1 --add-config connection_creation_rate=5
compare exact configs BS --alter --ip-defaults --add-config connection_creation_rate=6
compare exact configs BS --alter --user alice --add-config 'SCRAM-SHA-256=[iterations=8192,password=secret],SCRAM-SHA-512=[password=x]'
compare exact configs BS --alter --user bob --add-config 'SCRAM-SHA-512=[iterations=4096,password=a=b]'
for which in '--entity-type users' '--entity-type clients' '--entity-type ips' '--entity-type users --entity-type clients' '--user alice' \
  '--user nobody' '--user-defaults' '--client-defaults' '--client c1' '--ip 10.0.0.1' '--ip-defaults' '--user alice --client c1' \
  '--entity-type users --entity-default --entity-type clients --entity-name c1'; do
  compare sorted configs BS --describe $which
done
for wrong in '--user alice --add-config nokey=1' '--user alice --add-config producer_byte_rate=x' '--client c1 --add-config SCRAM-SHA-256=[password=x]' \
  '--user-defaults --add-config SCRAM-SHA-256=[password=x]' '--user alice --delete-config request_percentage' '--user alice --add-config SCRAM-SHA-256=[iterations=5,password=x]' \
  '--user alice --add-config SCRAM-SHA-256=[iterations=20000,password=x]' '--ip 10.0.0.1 --add-config producer_byte_rate=1' '--user bob --delete-config SCRAM-SHA-256' \
  '--entity-type users --add-config producer_byte_rate=1' '--user alice --topic plain --add-config a=b' '--ip no.such.host.invalid --add-config connection_creation_rate=1' \
  '--entity-type users --entity-type clients --entity-name a --add-config producer_byte_rate=1'; do
  compare status configs BS --alter $wrong
done
set_again() { "$klamm" configs --bootstrap-server "$BOOTSTRAP" --alter --user alice --add-config producer_byte_rate=1024,consumer_byte_rate=5 > /dev/null; }
between=set_again compare exact configs BS --alter --user alice --delete-config producer_byte_rate,consumer_byte_rate
compare sorted configs BS --describe --user alice
compare exact configs BS --alter --group g1 --add-config consumer.session.timeout.ms=50000
compare exact configs BS --describe --group g1
compare exact configs BS --alter --group g1 --delete-config consumer.session.timeout.ms
compare exact configs BS --alter --client-metrics m1 --add-config 'interval.ms=1000,metrics=[org.apache.kafka.]'
compare exact configs BS --describe --client-metrics m1
compare exact configs BS --describe --client-metrics none
compare sorted client-metrics BS --describe
compare sorted client-metrics BS --alter --name m2 --metrics org.apache.kafka.producer.,org.apache.kafka.admin. --interval 30000 --match client_id=a,client_software_name=b.*
compare sorted client-metrics BS --describe --name m2
compare sorted client-metrics BS --list
compare sorted client-metrics BS --alter --name m2 --interval '' --match ''
compare sorted client-metrics BS --describe
compare exact client-metrics BS --describe --name none
compare exact client-metrics BS --alter --name m2 --interval 1
compare exact client-metrics BS --alter --name m2 --match nosuch=1
compare exact client-metrics BS --delete --name m2
compare exact client-metrics BS --delete --name none
compare sorted client-metrics BS --list
for wrong in '' '--list --describe' '--list --name m1' '--alter' '--alter --name m1 --generate-name' '--alter --name m1 --interval x' --delete; do
  compare status client-metrics BS $wrong
done
compare exact configs BC --describe --broker-defaults

# Groups of all types.
for which in '' --consumer --share --streams '--group-type classic' '--group-type share' '--protocol consumer' '--group-type classic --protocol x'; do
  compare sorted groups BS --list $which
done
compare status groups BS --list --group-type x
compare status groups BS --list --share --streams
compare status groups BS
compare status groups --list

echo '{"partitions": [{"topic": "plain", "partition": 0, "offset": 1}, {"topic": "plain", "partition": 1, "offset": 0}], "version": 1}' > "$work/offsets.json"
# Kafka's words for its errors are its own; these cases show none.
compare sorted delete-records BS --offset-json-file WORK/offsets.json
compare sorted broker-api-versions BS
compare exact features BS describe
compare sorted metadata-quorum BS describe --status

# Transactions: producers are idempotent, so that partitions know them.
mask='s/1[0-9]{12}/TIME/g' compare exact transactions BS describe-producers --topic plain --partition 0
compare exact transactions BS describe-producers --topic plain --partition 0 --broker-id 0
compare status transactions BS describe-producers --topic plain --partition 0 --broker-id 1
compare status transactions BS describe-producers --topic nope --partition 0
compare sorted transactions BS list
compare sorted transactions BS list --duration-filter 5 --transactional-id-pattern 'a.*'
compare status transactions BS describe --transactional-id nope
compare exact transactions BS find-hanging --broker-id 0
compare exact transactions BS find-hanging --topic plain
compare exact transactions BS find-hanging --topic plain --partition 1 --max-transaction-timeout 0
compare exact transactions BS forceTerminateTransaction --transactionalId t1
mask='s/1[0-9]{12}/TIME/g' compare exact transactions BS describe --transactional-id t1
compare sorted transactions BS list
compare status transactions BS abort --topic plain --partition 0 --start-offset 5
compare status transactions BS abort --topic plain --partition 0
compare status transactions BS find-hanging
compare status transactions list

# Nodes and the quorum.
compare exact cluster cluster-id BS
compare exact cluster cluster-id BC
compare exact cluster list-endpoints BS
compare exact cluster list-endpoints BS --include-fenced-brokers
compare exact cluster list-endpoints BC
compare status cluster list-endpoints BC --include-fenced-brokers
compare status cluster unregister BS --id 77
compare status cluster unregister BS
compare status cluster cluster-id
compare exact metadata-quorum BS describe --status
compare exact metadata-quorum BC describe --status
mask='s/ +/ /g; s/[0-9]+ ms ago/N ms ago/g; s/[0-9]{4,}/N/g; s/(\t)-?[0-9]+ */\1N/g' compare exact metadata-quorum BS describe --replication --human-readable
compare status metadata-quorum BS describe --status --human-readable
compare status metadata-quorum BS describe
compare status metadata-quorum BS add-controller
compare exact metadata-quorum BS --command-config WORK/0.properties add-controller --dry-run
compare exact metadata-quorum BC --command-config WORK/2.properties add-controller --dry-run
compare status metadata-quorum BC --command-config WORK/1.properties add-controller --dry-run
compare exact metadata-quorum BC remove-controller -i 9 -d AAAAAAAAAAEAAAAAAAAAAA --dry-run
compare status metadata-quorum BC remove-controller -i 9 -d AAAAAAAAAAEAAAAAAAAAAA
compare status metadata-quorum BC remove-controller -i -9 -d AAAAAAAAAAEAAAAAAAAAAA
compare status metadata-quorum BC remove-controller -i 9 -d x

# Features.
compare exact features BC describe
compare exact features BS describe --node-id 1
compare status features BS describe --node-id -1
compare exact features version-mapping --release-version 4.0
compare status features version-mapping --release-version 1.0
compare exact features feature-dependencies --feature transaction.version=2 --feature metadata.version=17
compare status features feature-dependencies --feature x=1
compare exact features BS upgrade --feature share.version=1 --dry-run
compare exact features BS upgrade --release-version 4.3 --dry-run
compare exact features BC upgrade --metadata 4.3 --dry-run
compare exact features BS downgrade --feature transaction.version=1 --dry-run
compare exact features BS downgrade --feature metadata.version=1 --dry-run
compare exact features BS downgrade --release-version 4.0 --unsafe --dry-run
compare exact features BS upgrade --feature transaction.version=9
compare exact features BS upgrade --feature nosuch=1
compare exact features BS disable --feature share.version --dry-run
compare exact features BS disable --feature streams.version
compare exact features BS describe
compare exact features BS upgrade --feature streams.version=1
compare status features BS upgrade
compare status features BS upgrade --feature a=1 --feature a=2
compare status features BS upgrade --feature a --release-version 4.0
compare status features upgrade --feature a=1

# Directories and leaders.
compare json log-dirs BS --describe
compare json log-dirs BS --describe --broker-list 0 --topic-list plain,kept
compare status log-dirs BS --describe --broker-list 7
compare status log-dirs BS
$t --create --topic led --replica-assignment 0:1,1:0,0:1 > /dev/null
compare exact leader-election BS --election-type preferred --topic led --partition 0
compare exact leader-election BS --election-type unclean --topic led --partition 2
compare exact leader-election BS --election-type preferred --topic nope --partition 0
compare exact leader-election BS --election-type PREFERRED --all-topic-partitions
printf '{"partitions": [{"topic": "led", "partition": 0}, {"topic": "led", "partition": 1}, {"topic": "plain", "partition": 2}, {"topic": "nope", "partition": 2}]}' > "$work/elect.json"
compare exact leader-election BS --election-type preferred --path-to-json-file WORK/elect.json
compare status leader-election BS --election-type preferred
compare status leader-election BS --topic led
compare status leader-election BS --election-type preferred --topic led
compare status leader-election BS --election-type sideways --topic led --partition 0

# Moving replicas. `back` brings the topic back to where it was, between the two calls of a case that moves it.
r="$klamm reassign-partitions --bootstrap-server $BOOTSTRAP"
plan() { # plan FILE REPLICAS-OF-0 REPLICAS-OF-1 [LOG-DIRS-OF-0]
  printf '{"version":1,"partitions":[{"topic":"moved","partition":0,"replicas":[%s]%s},{"topic":"moved","partition":1,"replicas":[%s]}]}' \
    "$2" "${4:+,\"log_dirs\":[$4]}" "$3" > "$work/$1.json"
}
settled() { for _ in $(seq 100); do $r --list | grep -q '^No ' && return; sleep 0.1; done; }
back() { settled; $r --execute --wait --reassignment-json-file "$work/home.json" > /dev/null 2>&1; }
$t --create --topic moved --replica-assignment 0,0 > /dev/null
head -c 200000 /dev/urandom | base64 -w 1000 | "$klamm" console-producer --bootstrap-server "$BOOTSTRAP" --topic moved
plan home 0 0; plan away 1 1,0; plan nobody 9 9; plan empty '' ''; plan twice 1,1 1; plan grown 0,1 0,1
printf '{"partitions":[]}' > "$work/none.json"
printf '{"partitions":[{"topic":"nope","partition":0,"replicas":[0]}]}' > "$work/nope.json"
printf '{"partitions":[{"topic":"moved","partition":7,"replicas":[0]}]}' > "$work/seven.json"
printf '{"version":1,"topics":[{"topic":"moved"},{"topic":"led"}]}' > "$work/topics.json"
places='s/"log_dirs":\[[^]]*\]/DIRS/g'
# Where an error stands on standard output, its stack trace follows.
trace='/^$/d; /^\t+(at |\.\.\. )/d; /^(Caused by: )?(java|org\.apache|com\.fasterxml)\.[A-Za-z.]*(Exception|Error)/d'
compare exact reassign-partitions BS --list
compare exact reassign-partitions BC --list
mask='/^Proposed/,$d' compare exact reassign-partitions BS --generate --broker-list 0,1 --topics-to-move-json-file WORK/topics.json
for wrong in nobody empty twice none nope seven; do
  mask=$trace compare exact reassign-partitions BS --execute --reassignment-json-file WORK/$wrong.json
done
mask=$trace compare exact reassign-partitions BS --execute --reassignment-json-file WORK/grown.json --disallow-replication-factor-change
mask=$trace compare exact reassign-partitions BS --generate --broker-list 0,0 --topics-to-move-json-file WORK/topics.json
compare exact reassign-partitions BS --execute --reassignment-json-file WORK/home.json
between=back mask=$places compare exact reassign-partitions BS --execute --reassignment-json-file WORK/away.json
settled
compare exact reassign-partitions BS --verify --reassignment-json-file WORK/away.json
compare exact reassign-partitions BS --verify --reassignment-json-file WORK/home.json --preserve-throttles
mask=$trace compare exact reassign-partitions BS --verify --reassignment-json-file WORK/nope.json
compare exact reassign-partitions BS --cancel --reassignment-json-file WORK/away.json
back
plan dirs 0 0 "\"$work/more0\""; plan other 0 0 "\"$work/log0\""
mask=$places compare exact reassign-partitions BS --execute --reassignment-json-file WORK/dirs.json --replica-alter-log-dirs-throttle 1000000
for _ in $(seq 50); do ls "$work/more0" | grep -q '^moved-0$' && break; sleep 0.1; done
compare exact reassign-partitions BS --verify --reassignment-json-file WORK/other.json
compare exact reassign-partitions BS --verify --reassignment-json-file WORK/dirs.json
# So slow that it does not end by itself.
$r --execute --reassignment-json-file "$work/away.json" --throttle 1 > /dev/null
compare exact reassign-partitions BS --list
compare exact reassign-partitions BS --execute --reassignment-json-file WORK/away.json
mask=$places compare exact reassign-partitions BS --execute --reassignment-json-file WORK/away.json --additional --throttle 2
compare exact configs BS --describe --topic moved
compare exact configs BS --describe --broker 1
compare exact reassign-partitions BS --verify --reassignment-json-file WORK/away.json
again() { $r --execute --reassignment-json-file "$work/away.json" --throttle 1 > /dev/null; }
between=again compare exact reassign-partitions BS --cancel --reassignment-json-file WORK/away.json
compare exact configs BS --describe --topic moved
compare status reassign-partitions BS
compare status reassign-partitions BS --list --verify
compare status reassign-partitions BS --verify
compare status reassign-partitions BS --list --throttle 5

if [ -n "$node0" ]; then
  # The nodes are stopped first, so that their files stand still and their indexes are closed.
  stop_nodes
  compare exact dump-log --files @plain-1/00000000000000000000.log
  compare exact dump-log --files @plain-1/00000000000000000000.log,@kept-0/00000000000000000000.log --print-data-log
  compare exact dump-log --files @plain-1/00000000000000000000.log --deep-iteration --max-bytes 100
  compare exact dump-log --files @plain-1/00000000000000000000.log --print-data-log --skip-record-metadata
  compare exact dump-log --files @plain-1/00000000000000000000.index
  compare exact dump-log --files @plain-1/00000000000000000000.index --index-sanity-check
  compare exact dump-log --files @plain-1/00000000000000000000.timeindex
  compare exact dump-log --files @plain-1/00000000000000000000.timeindex --verify-index-only
  compare exact dump-log --files @plain-1/00000000000000000000.timeindex --index-sanity-check
  compare exact dump-log --files @__consumer_offsets-0/00000000000000000000.log --offsets-decoder
  compare exact dump-log --files LOG/__cluster_metadata-0/00000000000000000000.log --cluster-metadata-decoder
  compare exact dump-log --files LOG/__cluster_metadata-0/00000000000000000000.log --cluster-metadata-decoder --skip-record-metadata
  compare exact dump-log --files LOG/bootstrap.checkpoint --cluster-metadata-decoder
  for snapshot in "$work"/{log,more}0/plain-*/*.snapshot; do compare exact dump-log --files "$snapshot"; done
  compare exact dump-log --files LOG/meta.properties
  compare status dump-log --print-data-log
fi
