#!/bin/bash
# Compares klamm's commands with the tools of Apache Kafka 4.3.1 on one cluster: same arguments, same standard output
# (lines sorted where Kafka's order is that of a hash map), same exit status.
#
#     tests/tools/run.sh [KLAMM-BINARY]          default: target/debug/klamm
#
# The cluster is real Kafka, started from tests/conformance/kafka-real (build tests/conformance first), or whatever
# listens at $BOOTSTRAP. $PORT (29280) and the next are used. The last line is `N same, M differ`.
set -uo pipefail
cd "$(dirname "$0")/../.."
klamm=${1:-target/debug/klamm}
port=${PORT:-29280}
. tests/conformance/kafka-real/env.sh
work=$(mktemp -d)
trap 'if [ -n "${broker:-}" ]; then kill "$broker"; wait "$broker" 2>/dev/null; fi; rm -rf "$work"' EXIT

if [ -z "${BOOTSTRAP:-}" ]; then
  BOOTSTRAP=localhost:$port
  cat > "$work/server.properties" <<P
process.roles=broker,controller
node.id=0
listeners=EXTERNAL://localhost:$port,CONTROLLER://localhost:$((port + 1))
listener.security.protocol.map=EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=EXTERNAL
controller.listener.names=CONTROLLER
controller.quorum.voters=0@localhost:$((port + 1))
log.dirs=$work/log
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
P
  tests/conformance/kafka-real/format -t AAAAAAAAAAAAAAAAAAAAAA -c "$work/server.properties" > "$work/server.out" 2>&1
  tests/conformance/kafka-real/start "$work/server.properties" >> "$work/server.out" 2>&1 &
  broker=$!
  for _ in $(seq 100); do
    "$klamm" topics --bootstrap-server "$BOOTSTRAP" --list > /dev/null 2>&1 && break
    sleep 0.2
  done
fi

tools=org.apache.kafka.tools
declare -A class=(
  [topics]=$tools.TopicCommand
  [configs]=kafka.admin.ConfigCommand
  [consumer-groups]=$tools.consumer.group.ConsumerGroupCommand
  [get-offsets]=$tools.GetOffsetShell
  [delete-records]=$tools.DeleteRecordsCommand
  [console-consumer]=$tools.consumer.ConsoleConsumer
  [console-producer]=$tools.ConsoleProducer
  [broker-api-versions]=$tools.BrokerApiVersionsCommand
  [features]=$tools.FeatureCommand
  [metadata-quorum]=$tools.MetadataQuorumCommand
  [dump-log]=$tools.DumpLogSegments
)
same=0 differ=0

# Runs one case with both. Words in upper case: BS is the bootstrap flag, WORK the scratch folder, LOG the log folder.
compare() {
  local order=$1 command=$2; shift 2
  local words=()
  for word in "$@"; do
    case $word in
      BS) words+=(--bootstrap-server "$BOOTSTRAP") ;;
      *) word=${word//WORK/$work}; words+=("${word//LOG/$work/log}") ;;
    esac
  done
  "$klamm" "$command" "${words[@]}" < "${input:-/dev/null}" > "$work/ours" 2> "$work/ours.err"; local ours=$?
  java "${jvm[@]}" -cp "$kafka_cp" "${class[$command]}" "${words[@]}" < "${input:-/dev/null}" > "$work/theirs.raw" 2> "$work/theirs.err"; local theirs=$?
  # Kafka's logger writes to standard output here, its scripts send it elsewhere.
  grep -v -e '^\[[0-9-]* [0-9:,]*\] \(WARN\|ERROR\|INFO\)' -e '^\s*at ' -e '^Caused by: ' -e '^java\.' \
    -e '^org\.apache\.kafka\.common\.errors\.' -e '^\s*\.\.\. [0-9]* more$' -e '^ (org\.apache\.kafka\.' "$work/theirs.raw" > "$work/theirs"
  # The filter has ended the last line.
  sed -i '$a\' "$work/ours"
  # These move on between the two calls.
  sed -i 's/Epoch: [0-9]*$/Epoch: -/; s/^HighWatermark: .*/HighWatermark: -/' "$work/ours" "$work/theirs"
  if [ "$order" = sorted ]; then
    for side in ours theirs; do sort -o "$work/$side" "$work/$side"; done
  fi
  if [ "$order" != status ] && ! diff "$work/theirs" "$work/ours" > "$work/diff" || [ $ours != $theirs ]; then
    differ=$((differ + 1))
    echo "DIFFERS ($theirs, ours $ours): $command $*"
    cut -c1-300 "$work/diff" | sed 's/^/    /' | head -30
    tail -3 "$work/ours.err" | sed 's/^/    ours: /'
  else
    same=$((same + 1))
    [ -z "${VERBOSE:-}" ] || echo "same ($ours): $command $*"
  fi
  : > "$work/diff"
}

# The client's own tests, on the same cluster (WITHOUT_CLIENT=1 leaves them out).
if [ -z "${WITHOUT_CLIENT:-}" ]; then
  if KLAMM_TEST_BOOTSTRAP=$BOOTSTRAP cargo test --quiet --package klamm-client --test cluster > "$work/client.out" 2>&1; then
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
