#!/bin/sh
# Writes the facts about Kafka's config keys, and what Java makes of properties texts, to crates/config/testdata. Needs
# the class path of tests/conformance (tests/conformance/build.sh makes it), with the jars of Kafka 4.3.1.
set -e
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
target=$root/tests/conformance/target
cp="$target/kafka-conformance-1.jar:$(cat "$target/classpath.txt")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
javac -cp "$cp" -d "$out" "$here"/*.java
java -cp "$out:$cp" ConfigFacts 2>/dev/null > "$root/crates/config/testdata/kafka-4.3.1.tsv"
java -cp "$out" PropertiesCases > "$root/crates/config/testdata/properties.tsv"
