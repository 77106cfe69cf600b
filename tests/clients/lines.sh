# Sourced: records FIRST to END as "key:value" lines (see README.md).
lines() {
  awk -v first="$1" -v end="$2" 'BEGIN {
    for (i = first; i < end; i++) {
      digits = sprintf("%08d", i); value = ""
      for (j = 0; j <= i % 12; j++) value = value digits
      print "key-" i ":" value
    }
  }'
}
