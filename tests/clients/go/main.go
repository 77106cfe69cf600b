// franz-go, driven by `cargo xtask clients` (see tests/clients/README.md).
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var out = bufio.NewWriter(os.Stdout)

func check(err error) {
	if err != nil {
		out.Flush()
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	check(err)
	return n
}

func value(index int64) string {
	return strings.Repeat(fmt.Sprintf("%08d", index), int(1+index%12))
}

func show(r *kgo.Record) {
	fmt.Fprintln(out, r.Topic, r.Partition, r.Offset, r.Timestamp.UnixMilli(), string(r.Key), string(r.Value))
}

func client(servers string, options ...kgo.Opt) *kgo.Client {
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(servers, ",")...))...)
	check(err)
	return c
}

func create(servers, topic string, partitions int64) {
	c := client(servers)
	defer c.Close()
	forever := "-1"
	_, err := kadm.NewClient(c).CreateTopic(context.Background(), int32(partitions), 1,
		map[string]*string{"retention.ms": &forever}, topic)
	check(err)
}

func produce(servers, topic, codec string, first, end, base int64) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	c := client(servers, kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(20*time.Millisecond))
	defer c.Close()
	var failed error
	for i := first; i < end; i++ {
		record := &kgo.Record{Topic: topic, Key: []byte(fmt.Sprintf("key-%d", i)), Value: []byte(value(i)),
			Timestamp: time.UnixMilli(base + i)}
		c.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	check(c.Flush(context.Background()))
	check(failed)
}

func group(servers, name string, topics []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := client(servers, kgo.ConsumerGroup(name), kgo.ConsumeTopics(topics...), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second))
	for ctx.Err() == nil {
		fetches := c.PollRecords(ctx, 500)
		fetches.EachRecord(show)
		check(out.Flush())
		if fetches.NumRecords() > 0 {
			if err := c.CommitUncommittedOffsets(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, err) // a rebalance under way: the new owner reads those records again
			}
		}
		c.AllowRebalance()
	}
	c.CloseAllowingRebalance()
}

func seek(servers, topic string, timestamp int64) {
	ctx := context.Background()
	a := client(servers)
	ends, err := kadm.NewClient(a).ListEndOffsets(ctx, topic)
	check(err)
	starts, err := kadm.NewClient(a).ListOffsetsAfterMilli(ctx, timestamp, topic)
	check(err)
	a.Close()
	from := map[int32]kgo.Offset{}
	left := map[int32]int64{}
	starts.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(topic, o.Partition)
		if o.Offset < end.Offset {
			from[o.Partition] = kgo.NewOffset().At(o.Offset)
			left[o.Partition] = end.Offset
		}
	})
	c := client(servers, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	defer c.Close()
	for len(left) > 0 {
		fetches := c.PollFetches(ctx)
		check(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			show(r)
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	check(out.Flush())
}

func main() {
	args := os.Args[2:]
	switch os.Args[1] {
	case "create":
		create(args[0], args[1], number(args[2]))
	case "produce":
		produce(args[0], args[1], args[2], number(args[3]), number(args[4]), number(args[5]))
	case "group":
		group(args[0], args[1], strings.Split(args[2], ","))
	case "seek":
		seek(args[0], args[1], number(args[2]))
	}
}
