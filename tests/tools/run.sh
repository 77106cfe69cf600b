#!/bin/bash
# Compares klamm's commands with the tools of Apache Kafka 4.3.1 on one cluster: same arguments, same standard output
# (lines sorted, or lists in JSON, where Kafka's order is that of a hash map), same exit status.
#
#     tests/tools/run.sh [KLAMM-BINARY]          default: target/checked/klamm
#
# The cluster is real Kafka, two nodes started from tests/conformance/kafka-real (build tests/conformance first), or
# whatever listens at $BOOTSTRAP. $PORT (29280) and the next three are used. ONLY=words leaves out every case that does
# not contain them; VERBOSE=1 names each case. The last line is `N same, M differ`.
set -uo pipefail
cd "$(dirname "$0")/../.."
klamm=${1:-target/checked/klamm}
port=${PORT:-29280}
. tests/conformance/kafka-real/env.sh
work=$(mktemp -d)
node0='' node1=''
trap 'stop_nodes; rm -rf "$work"' EXIT

stop_nodes() {
  for node in $node0 $node1; do kill "$node" 2> /dev/null; done
  for node in $node0 $node1; do wait "$node" 2> /dev/null; done
  node0='' node1=''
}

# properties ID ROLES LISTENERS: the settings of one node.
properties() {
  cat <<P
process.roles=$2
node.id=$1
listeners=$3
listener.security.protocol.map=EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=EXTERNAL
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=localhost:$((port + 1))
log.dirs=$work/log$1,$work/more$1
broker.rack=rack$1
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=6000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
auto.leader.rebalance.enable=false
P
}

if [ -z "${BOOTSTRAP:-}" ]; then
  BOOTSTRAP=localhost:$port
  properties 0 broker,controller "EXTERNAL://localhost:$port,CONTROLLER://localhost:$((port + 1))" > "$work/0.properties"
  properties 1 broker "EXTERNAL://localhost:$((port + 2))" > "$work/1.properties"
  properties 2 controller "CONTROLLER://localhost:$((port + 3))" > "$work/2.properties"
  real=tests/conformance/kafka-real
  $real/format -t AAAAAAAAAAAAAAAAAAAAAA --standalone -c "$work/0.properties" > "$work/format.out" 2>&1 &&
    "$klamm" storage format -t AAAAAAAAAAAAAAAAAAAAAA -c "$work/1.properties" >> "$work/format.out" 2>&1 &&
    "$klamm" storage format -t AAAAAAAAAAAAAAAAAAAAAA --no-initial-controllers -c "$work/2.properties" >> "$work/format.out" 2>&1 ||
    { cat "$work/format.out"; exit 1; }
  $real/start "$work/0.properties" > "$work/0.out" 2>&1 & node0=$!
  $real/start "$work/1.properties" > "$work/1.out" 2>&1 & node1=$!
fi

# Kafka's tools, all in one JVM.
part() { tr ':' '\n' <<< "$kafka_cp" | grep "$@" -e '/kafka-tools-[0-9]' -e '/kafka_2.13-[0-9]' | paste -sd:; }
start_jvm() {
  coproc JVM { exec java "${jvm[@]}" -Dlog4j2.configurationFile=tests/conformance/kafka-real/log4j2-tools.properties \
    -cp "$(part -v)" tests/tools/ToolServer.java "$(part)" 2> "$work/jvm.err"; }
}
start_jvm

tools=org.apache.kafka.tools
declare -A class=(
  [topics]=$tools.TopicCommand
  [configs]=kafka.admin.ConfigCommand
  [consumer-groups]=$tools.consumer.group.ConsumerGroupCommand
  [replica-verification]=$tools.ReplicaVerificationTool
  [get-offsets]=$tools.GetOffsetShell
  [delete-records]=$tools.DeleteRecordsCommand
  [console-consumer]=$tools.consumer.ConsoleConsumer
  [console-share-consumer]=$tools.consumer.ConsoleShareConsumer
  [console-producer]=$tools.ConsoleProducer
  [broker-api-versions]=$tools.BrokerApiVersionsCommand
  [features]=$tools.FeatureCommand
  [metadata-quorum]=$tools.MetadataQuorumCommand
  [dump-log]=$tools.DumpLogSegments
  [storage]=kafka.tools.StorageTool
  [log-dirs]=$tools.LogDirsCommand
  [cluster]=$tools.ClusterTool
  [leader-election]=$tools.LeaderElectionCommand
  [reassign-partitions]=$tools.reassign.ReassignPartitionsCommand
  [share-groups]=$tools.consumer.group.ShareGroupCommand
  [streams-groups]=$tools.streams.StreamsGroupCommand
  [streams-application-reset]=$tools.StreamsResetter
  [share-consumer-perf-test]=$tools.ShareConsumerPerformance
  [groups]=$tools.GroupsCommand
  [transactions]=$tools.TransactionsCommand
  [client-metrics]=$tools.ClientMetricsCommand
)
same=0 differ=0

# kafka CLASS ARGUMENT...: one call of a tool of Kafka; the files are $input, theirs, theirs.err.
kafka() {
  local fields="${input:-/dev/null}"$'\x1f'"$work/theirs"$'\x1f'"$work/theirs.err" field status
  for field in "$@"; do fields+=$'\x1f'$field; done
  local jvm_pid=$JVM_PID
  printf '%s\n' "$fields" >&"${JVM[1]}" || return 99
  if ! read -r -t 90 status <&"${JVM[0]}"; then
    # A few wrong command lines end the JVM itself.
    wait "$jvm_pid"; status=$?
    start_jvm
  fi
  return "$status"
}

# Puts the folder of a partition in place of @PARTITION, in whichever log directory it is.
in_folder() {
  local word=$1 folder
  for folder in "$work"/{log,more}{0,1}/*-[0-9]*; do word=${word//@${folder##*/}\//$folder/}; done
  printf '%s' "$word"
}

# Runs one case with both. Words in upper case: BS is the bootstrap flag, BC that of the controller, WORK the scratch
# folder, LOG the first log directory of node 0.
compare() {
  local order=$1 command=$2; shift 2
  [[ "$command $*" == *"${ONLY:-}"* ]] || return 0
  local words=()
  for word in "$@"; do
    case $word in
      BS) words+=(--bootstrap-server "$BOOTSTRAP") ;;
      BC) words+=(--bootstrap-controller "localhost:$((port + 1))") ;;
      *) word=${word//WORK/$work}; word=$(in_folder "$word"); words+=("${word//LOG/$work/log0}") ;;
    esac
  done
  "$klamm" "$command" "${words[@]}" < "${input:-/dev/null}" > "$work/ours" 2> "$work/ours.err"; local ours=$?
  # Sets the state back between the two calls of a case that changes it.
  [ -z "${between:-}" ] || $between
  kafka "${class[$command]}" "${words[@]}"; local theirs=$?
  # These move on between the two calls.
  sed -i 's/Epoch: [0-9]*$/Epoch: -/; s/^HighWatermark: .*/HighWatermark: -/' "$work/ours" "$work/theirs"
  [ -z "${mask:-}" ] || sed -i -E "$mask" "$work/ours" "$work/theirs"
  if [ "$order" = json ]; then
    for side in ours theirs; do python3 tests/tools/sort_json.py "$work/$side"; done
  fi
  if [ "$order" = sorted ]; then
    for side in ours theirs; do sort -o "$work/$side" "$work/$side"; done
  fi
  : > "$work/diff"
  if [ "$order" != status ] && ! diff "$work/theirs" "$work/ours" > "$work/diff" || [ $ours != $theirs ]; then
    differ=$((differ + 1))
    echo "DIFFERS ($theirs, ours $ours): $command $*"
    cut -c1-300 "$work/diff" | sed 's/^/    /' | head -30
    tail -3 "$work/ours.err" | sed 's/^/    ours: /'
    tail -3 "$work/theirs.err" | sed 's/^/    theirs: /'
  else
    same=$((same + 1))
    [ -z "${VERBOSE:-}" ] || echo "same ($ours): $command $*"
  fi
}

if [ -n "$node0" ]; then
  for _ in $(seq 150); do
    [ "$("$klamm" broker-api-versions --bootstrap-server "$BOOTSTRAP" 2> /dev/null | grep -c '^localhost')" = 2 ] && break
    sleep 0.2
  done
fi

# The client's own tests, on the same cluster (WITHOUT_CLIENT=1 leaves them out).
if [ -z "${WITHOUT_CLIENT:-}" ]; then
  if KLAMM_TEST_BOOTSTRAP=$BOOTSTRAP cargo test --package klamm-client --test cluster > "$work/client.out" 2>&1; then
    same=$((same + 1))
  else
    differ=$((differ + 1))
    echo "FAILS: klamm-client --test cluster"
    grep -A3 -e panicked -e '^test result' -e '^error' "$work/client.out" | cut -c1-300 | sed 's/^/    /' | tail -40
  fi
fi

. tests/tools/cases.sh
echo "$same same, $differ differ"
[ $differ = 0 ]
