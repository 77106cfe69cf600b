# The cases of streams groups, sourced by cases.sh. The member of the group is a Java Streams application.

streams="$klamm streams-groups --bootstrap-server $BOOTSTRAP"
streams_cp=$(tr ':' '\n' < tests/conformance/target/classpath.txt | grep -e '/kafka-streams-[0-9][^/]*[0-9]\.jar$' -e rocksdbjni | paste -sd:)

# until_line PATTERN COMMAND...: waits up to half a minute for a line that matches.
until_line() {
  local pattern=$1; shift
  for _ in $(seq 60); do "$@" 2> /dev/null | grep -q "$pattern" && return; sleep 0.5; done
  echo "no line of '$*' matches '$pattern'"; return 1
}
join_group() { # the application reads its topic to the end
  java "${jvm[@]}" -cp "$kafka_cp:$streams_cp" tests/tools/StreamsApp.java "$BOOTSTRAP" app words "$work/state" > "$work/app.out" 2>&1 & member=$!
  until_line '^app  *words  *0  *20  *[-0-9]*  *20 ' $streams --describe --group app --verbose &&
    until_line '^app  *app-counts-repartition  *0  *\([1-9][0-9]*\)  *[-0-9]*  *\1 ' $streams --describe --group app --verbose ||
    tail -5 "$work/app.out"
}
leave_group() {
  kill "$member"; wait "$member" 2> /dev/null
  until_line '^app  *Empty' $streams --list --state
}

compare exact streams-groups BS --list
compare exact streams-groups BS --list --state
compare exact streams-groups BS --describe --all-groups
$t --create --topic words --replica-assignment 0 > /dev/null
input=$work/keyed; "$klamm" console-producer --bootstrap-server "$BOOTSTRAP" --topic words --reader-property parse.key=true --reader-property key.separator=: < "$input"
unset input
join_group
compare exact streams-groups BS --list
compare exact streams-groups BS --list --state
compare exact streams-groups BS --list --state 'stable, Empty'
compare exact streams-groups BS --list --state NotReady
compare exact streams-groups BS --describe --group app
compare exact streams-groups BS --describe --group app --verbose
compare exact streams-groups BS --describe --all-groups --offsets
compare exact streams-groups BS --describe --group app --state
compare exact streams-groups BS --describe --group app --state --verbose
compare exact streams-groups BS --describe --group app --members
compare exact streams-groups BS --describe --group app --members --verbose
compare exact streams-groups BS --reset-offsets --group app --all-input-topics --to-earliest --execute
compare exact streams-groups BS --delete --group app
compare status streams-groups BS --delete-offsets --group app --input-topic words
leave_group
compare exact streams-groups BS --describe --group app
compare exact streams-groups BS --describe --group app --members
compare exact streams-groups BS --describe --group app --state --verbose
compare exact streams-groups BS --describe --group nope
compare exact streams-groups BS --describe --group nope --members
compare exact streams-groups BS --describe --group g1 --state
for where in --to-earliest --to-latest --to-current '--to-offset 3' '--shift-by -1' '--shift-by 100' '--to-datetime 2020-01-01T00:00:00.000' '--to-datetime 2120-01-01T00:00:00.000' '--by-duration P1D'; do
  compare exact streams-groups BS --reset-offsets --group app --all-input-topics $where --dry-run
done
compare exact streams-groups BS --reset-offsets --group app --input-topic words:0 --to-offset 7 --execute
compare exact streams-groups BS --reset-offsets --group app --input-topic words --to-current --dry-run --export
compare exact streams-groups BS --reset-offsets --all-groups --all-input-topics --to-current --dry-run --export
compare exact streams-groups BS --reset-offsets --group app --input-topic plain --to-latest --dry-run
compare exact streams-groups BS --reset-offsets --group app --input-topic words:5 --to-latest --dry-run
compare status streams-groups BS --reset-offsets --group app --input-topic nope --to-latest --dry-run
compare exact streams-groups BS --reset-offsets --group nope --input-topic words --to-latest --dry-run
compare exact streams-groups BS --reset-offsets --group nope --all-input-topics --to-latest --execute
# The tool from before there were streams groups does what it did for these too.
reset=(streams-application-reset BS --application-id app)
for where in '' --to-earliest --to-latest '--to-offset 3' '--to-offset 0' '--shift-by -1' '--shift-by 100' '--to-datetime 2020-01-01T00:00:00.000' '--to-datetime 2120-01-01T00:00:00.000' '--by-duration P1D'; do
  compare exact "${reset[@]}" --input-topics words $where --dry-run
done
compare exact "${reset[@]}" --dry-run
compare exact "${reset[@]}" --input-topics words,nope --dry-run
compare exact "${reset[@]}" --input-topics nope --dry-run
compare exact "${reset[@]}" --input-topics words --intermediate-topics app-counts-repartition,none --dry-run
compare exact "${reset[@]}" --internal-topics app-counts-changelog --dry-run
compare exact "${reset[@]}" --internal-topics words --dry-run
compare exact streams-application-reset BS --application-id nobody --input-topics words --dry-run
compare status streams-application-reset BS --input-topics words
compare status "${reset[@]}" --to-latest --to-earliest
printf 'words,0,2\n' > "$work/words.csv"
printf 'app,words,0,4\n' > "$work/groups.csv"
compare exact streams-groups BS --reset-offsets --group app --from-file WORK/words.csv --execute
compare exact streams-groups BS --reset-offsets --group app --group nope --from-file WORK/groups.csv --dry-run
recreate() { $t --create --topic app-counts-changelog > /dev/null; }
between=recreate
compare exact streams-groups BS --reset-offsets --group app --all-input-topics --to-latest --execute --delete-internal-topic app-counts-changelog
unset between
compare exact streams-groups BS --reset-offsets --group app --all-input-topics --to-latest --execute --delete-internal-topic app-counts-changelog
recreate() {
  $t --create --topic app-counts-changelog > /dev/null
  $t --create --topic app-counts-repartition > /dev/null
}
$t --create --topic app-counts-changelog > /dev/null
between=recreate
compare exact streams-groups BS --reset-offsets --group app --all-input-topics --to-earliest --execute --delete-all-internal-topics
recreate() { $t --create --topic app-counts-changelog > /dev/null; }
$t --create --topic app-counts-changelog > /dev/null
compare exact "${reset[@]}" --input-topics words --from-file WORK/words.csv --internal-topics app-counts-changelog
unset between
compare exact streams-groups BS --reset-offsets --group app --input-topic words --to-current --dry-run
again() { $streams --reset-offsets --group app --from-file "$work/words.csv" --execute > /dev/null; }
between=again
compare exact streams-groups BS --delete-offsets --group app --input-topic words
again
compare status streams-groups BS --delete-offsets --group app --input-topic words:0 --input-topic nope
again
compare exact streams-groups BS --delete-offsets --group app --all-input-topics
unset between
compare exact streams-groups BS --delete-offsets --group app --all-input-topics
compare status streams-groups BS --delete-offsets --group nope --input-topic words
compare exact streams-groups BS --delete-offsets --group nope --all-input-topics
compare exact streams-groups BS --delete --group nope
rejoin() { rm -rf "$work/state"; again; join_group; leave_group; }
again
rejoin
between=rejoin
compare exact streams-groups BS --delete --group app --group nope --delete-all-internal-topics
unset between again recreate rejoin
compare exact streams-groups BS --delete --all-groups
compare exact streams-groups BS --reset-offsets --all-groups --all-input-topics --to-latest --dry-run
compare sorted topics BS --list --exclude-internal
for wrong in --describe --delete '--delete --group a --input-topic t' '--reset-offsets --group a --execute' \
  '--reset-offsets --group a --all-input-topics --execute' '--describe --group a --members --state' '--list --members' \
  '--list --state nope' '--list --describe' '--list --execute' '--list --delete-all-internal-topics' \
  '--delete-offsets --group a --group b --input-topic t' '--delete-offsets --group a' \
  '--reset-offsets --group a --to-latest --dry-run --delete-internal-topic t'; do
  compare status streams-groups BS $wrong
done
