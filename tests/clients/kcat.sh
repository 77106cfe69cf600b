#!/bin/bash
# kcat, driven by `cargo xtask clients` (see README.md).
set -euo pipefail
. "$(dirname "$0")/lines.sh"
command=$1 servers=$2; shift 2
format='%t %p %o %T %k %s\n'
case $command in
  create) # by auto-creation, with the number of partitions that the server was configured with
    for _ in $(seq 50); do
      kcat -b "$servers" -L -t "$1" -X allow.auto.create.topics=true 2> /dev/null | grep -q " with $2 partitions" && exit 0
      sleep 0.2
    done
    echo "the topic $1 was not created" >&2; exit 1 ;;
  produce) lines "$3" "$4" | kcat -b "$servers" -P -t "$1" -K : -z "$2" -X enable.idempotence=true -X linger.ms=20 ;;
  group)
    exec kcat -b "$servers" -u -q -f "$format" -X auto.offset.reset=earliest -X session.timeout.ms=6000 \
      -X heartbeat.interval.ms=1000 -X auto.commit.interval.ms=500 -G "$1" ${2//,/ } ;;
  seek) kcat -b "$servers" -C -e -q -f "$format" -t "$1" -o "s@$2" ;;
esac
