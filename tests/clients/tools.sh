#!/bin/bash
# The command-line tools, driven by `cargo xtask clients` (see README.md): Apache Kafka's own, or Klamm's where KLAMM
# names the binary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lines.sh"
declare -A classes=([topics]=TopicCommand [console-producer]=ConsoleProducer
  [console-consumer]=consumer.ConsoleConsumer [consumer-groups]=consumer.group.ConsumerGroupCommand)
tool() {
  local name=$1; shift
  if [ -n "${KLAMM:-}" ]; then exec "$KLAMM" "$name" "$@"; fi
  exec "$here/../conformance/kafka-real/tool" "org.apache.kafka.tools.${classes[$name]}" "$@"
}
show=(--formatter-property print.timestamp=true --formatter-property print.partition=true
      --formatter-property print.offset=true --formatter-property print.key=true)
command=$1 servers=$2; shift 2
case $command in
  create) tool topics --bootstrap-server "$servers" --create --topic "$1" --partitions "$2" --config retention.ms=-1 ;;
  produce)
    lines "$3" "$4" | tool console-producer --bootstrap-server "$servers" --topic "$1" --compression-codec "$2" \
      --reader-property parse.key=true --reader-property key.separator=: ;;
  group)
    tool console-consumer --bootstrap-server "$servers" --group "$1" --include "${2//,/|}" --from-beginning "${show[@]}" \
      --command-property session.timeout.ms=6000 --command-property heartbeat.interval.ms=1000 \
      --command-property auto.commit.interval.ms=500 ;;
  seek)
    at=$(date -u -d "@${2%???}" +%Y-%m-%dT%H:%M:%S).${2: -3}
    (tool consumer-groups --bootstrap-server "$servers" --group "seek-$1" --topic "$1" --reset-offsets \
      --to-datetime "$at" --execute) >&2
    (tool console-consumer --bootstrap-server "$servers" --group "seek-$1" --topic "$1" --timeout-ms 8000 "${show[@]}") ;;
esac
