//! The families of metrics, one row each: name as the JMX exporter writes it, kind, what it says.
//!
//! A counter's name gets the suffix `_total` when it is written.

use super::samples::{Family, Kind};

macro_rules! families {
    ($($id:ident: $kind:ident = $name:literal, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $id: Family = Family { name: $name, kind: Kind::$kind, help: $help };
        )+
        /// All of them, in the order of this file.
        pub const ALL: &[Family] = &[$($id),+];
    };
}

families! {
    // kafka.server:type=BrokerTopicMetrics
    MESSAGES_IN: Counter = "kafka_server_brokertopicmetrics_messagesin", "Records that producers and coordinators appended";
    BYTES_IN: Counter = "kafka_server_brokertopicmetrics_bytesin", "Bytes of batches that were appended";
    BYTES_OUT: Counter = "kafka_server_brokertopicmetrics_bytesout", "Bytes of batches that consumers read";
    REPLICATION_BYTES_IN: Counter = "kafka_server_brokertopicmetrics_replicationbytesin", "Bytes of batches that this broker got as a follower";
    REPLICATION_BYTES_OUT: Counter = "kafka_server_brokertopicmetrics_replicationbytesout", "Bytes of batches that followers read";
    REASSIGNMENT_BYTES_IN: Counter = "kafka_server_brokertopicmetrics_reassignmentbytesin", "Bytes of batches of partitions that are being moved to this broker";
    REASSIGNMENT_BYTES_OUT: Counter = "kafka_server_brokertopicmetrics_reassignmentbytesout", "Bytes of batches of partitions that are being moved to other brokers";
    PRODUCE_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalproducerequests", "Partitions that were asked to append";
    FAILED_PRODUCE_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedproducerequests", "Partitions that refused to append";
    FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalfetchrequests", "Partitions that were read";
    FAILED_FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedfetchrequests", "Partitions that refused to be read";

    SHARE_FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalsharefetchrequests", "Partitions that share groups fetched from";
    FAILED_SHARE_FETCH_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedsharefetchrequests", "Partitions that refused a share group's fetch";
    SHARE_ACKNOWLEDGEMENT_REQUESTS: Counter = "kafka_server_brokertopicmetrics_totalshareacknowledgementrequests", "Partitions for which share groups acknowledged records";
    FAILED_SHARE_ACKNOWLEDGEMENT_REQUESTS: Counter = "kafka_server_brokertopicmetrics_failedshareacknowledgementrequests", "Partitions that refused a share group's acknowledgements";

    // kafka.server:type=ShareGroupMetrics, SharePartitionMetrics, ShareSessionCache
    SHARE_ACKNOWLEDGED_RECORDS: Counter = "kafka_server_sharegroupmetrics_recordacknowledgements", "Records that share groups acknowledged";
    DEAD_LETTER_QUEUE_RECORDS: Counter = "kafka_server_sharegroupmetrics_deadletterqueuerecordcount", "Records that share groups' dead-letter queues got";
    DEAD_LETTER_QUEUE_REQUESTS: Counter = "kafka_server_sharegroupmetrics_deadletterqueuetotalproducerequests", "Batches that were sent to share groups' dead-letter queues";
    DEAD_LETTER_QUEUE_FAILED_REQUESTS: Counter = "kafka_server_sharegroupmetrics_deadletterqueuefailedproducerequests", "Attempts to bring records to share groups' dead-letter queues that failed";
    DEAD_LETTER_QUEUE_DROPPED: Counter = "klamm_share_dead_letters_dropped", "Records that were given up and not copied because the group had no dead-letter queue any more";
    SHARE_DEAD_LETTERS_PENDING: Gauge = "klamm_share_dead_letters_pending", "Records of a share partition on their way to the dead-letter queue";
    SHARE_DEAD_LETTERS_BLOCKED: Gauge = "klamm_share_dead_letters_blocked", "Whether records of a share partition do not get to the dead-letter queue";
    SHARE_BREAKER_STATE: Gauge = "klamm_share_circuit_breaker_state", "Circuit breaker of a share partition: 0 closed, 1 half open, 2 open";
    SHARE_BREAKER_OPENINGS: Counter = "klamm_share_circuit_breaker_openings", "Times that circuit breakers of share partitions opened";
    SHARE_LOCK_TIMEOUTS: Counter = "kafka_server_sharepartitionmetrics_acquisitionlocktimeout", "Times that the lock on acquired records ran out";
    SHARE_IN_FLIGHT_MESSAGES: Gauge = "kafka_server_sharepartitionmetrics_inflightmessagecount", "Offsets of a share partition that are in flight";
    SHARE_IN_FLIGHT_BATCHES: Gauge = "kafka_server_sharepartitionmetrics_inflightbatchcount", "Batches of a share partition that are in flight";
    SHARE_SESSIONS: Gauge = "kafka_server_sharesessioncache_sharesessionscount", "Share sessions";
    SHARE_SESSION_PARTITIONS: Gauge = "kafka_server_sharesessioncache_sharepartitionscount", "Partitions of share sessions";
    SHARE_SESSION_EVICTIONS: Counter = "kafka_server_sharesessioncache_sharesessionevictions", "Share sessions that ended with their connection";

    // kafka.server:type=ReplicaManager
    PARTITION_COUNT: Gauge = "kafka_server_replicamanager_partitioncount", "Partitions on this broker";
    LEADER_COUNT: Gauge = "kafka_server_replicamanager_leadercount", "Partitions that this broker leads";
    OFFLINE_REPLICA_COUNT: Gauge = "kafka_server_replicamanager_offlinereplicacount", "Replicas that this broker should have and has not";
    UNDER_REPLICATED_PARTITIONS: Gauge = "kafka_server_replicamanager_underreplicatedpartitions", "Partitions led here with followers out of sync";
    UNDER_MIN_ISR_PARTITION_COUNT: Gauge = "kafka_server_replicamanager_underminisrpartitioncount", "Partitions led here with fewer replicas in sync than min.insync.replicas";
    AT_MIN_ISR_PARTITION_COUNT: Gauge = "kafka_server_replicamanager_atminisrpartitioncount", "Partitions led here with exactly min.insync.replicas in sync";
    REASSIGNING_PARTITIONS: Gauge = "kafka_server_replicamanager_reassigningpartitions", "Partitions led here that are being moved";
    ISR_EXPANDS: Counter = "kafka_server_replicamanager_isrexpands", "Times that a follower came into sync";
    ISR_SHRINKS: Counter = "kafka_server_replicamanager_isrshrinks", "Times that a follower fell out of sync";
    FAILED_ISR_UPDATES: Counter = "kafka_server_replicamanager_failedisrupdates", "Changes of in-sync replicas that the controller refused";

    PRODUCER_ID_COUNT: Gauge = "kafka_server_replicamanager_produceridcount", "Producer ids that the replicas here know";
    LATE_TRANSACTIONS: Gauge = "kafka_server_replicamanager_partitionswithlatetransactionscount", "Partitions with a transaction that should have ended five minutes ago";

    // kafka.server:type=ReplicaFetcherManager, ReplicaAlterLogDirsManager, FetcherLagMetrics, FetcherStats
    FETCHER_MAX_LAG: Gauge = "kafka_server_replicafetchermanager_maxlag", "Committed records that the follower here that lags most does not have";
    FETCHER_MIN_RATE: Gauge = "kafka_server_replicafetchermanager_minfetchrate", "Fetches in a second of the last minute, of the slowest fetcher";
    FETCHER_FAILED_PARTITIONS: Gauge = "kafka_server_replicafetchermanager_failedpartitionscount", "Followers here that fetch nothing more until there is another leader epoch";
    FETCHER_DEAD: Gauge = "kafka_server_replicafetchermanager_deadthreadcount", "Fetchers that a defect has ended";
    MOVE_MAX_LAG: Gauge = "kafka_server_replicaalterlogdirsmanager_maxlag", "Records that the copy of a replica that moves to another log directory does not have";
    FETCHER_REQUESTS: Counter = "kafka_server_fetcherstats_requests", "Fetches that a fetcher has sent";
    FETCHER_BYTES: Counter = "kafka_server_fetcherstats_bytes", "Bytes of batches that a fetcher has got";
    FETCHER_LAG: Gauge = "kafka_server_fetcherlagmetrics_consumerlag", "Committed records that a follower here does not have";

    // kafka.server:type=AssignmentsManager, DelayedOperationPurgatory and what expires there, FetchSessionCache
    QUEUED_DIRECTORIES: Gauge = "kafka_server_assignmentsmanager_queuedreplicatodirassignments", "Replicas of which the controller does not know the log directory yet";
    PURGATORY_SIZE: Gauge = "kafka_server_delayedoperationpurgatory_purgatorysize", "Partitions that waiting requests watch";
    DELAYED_OPERATIONS: Gauge = "kafka_server_delayedoperationpurgatory_numdelayedoperations", "Requests that wait";
    EXPIRED_PRODUCES: Counter = "kafka_server_delayedproducemetrics_expires", "Partitions whose replicas did not have in time what a producer sent";
    EXPIRED_DELETIONS: Counter = "kafka_server_delayeddeleterecordsmetrics_expires", "Partitions whose replicas did not delete records in time";
    EXPIRED_FETCHES: Counter = "kafka_server_delayedfetchmetrics_expires", "Fetches for which too little came in time";
    FETCH_SESSIONS: Gauge = "kafka_server_fetchsessioncache_numincrementalfetchsessions", "Fetch sessions of clients and followers";
    FETCH_SESSION_PARTITIONS: Gauge = "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached", "Partitions of these sessions";
    FETCH_SESSION_EVICTIONS: Counter = "kafka_server_fetchsessioncache_incrementalfetchsessionevictions", "Fetch sessions that had to make room for others";

    // kafka.cluster:type=Partition
    PARTITION_UNDER_REPLICATED: Gauge = "kafka_cluster_partition_underreplicated", "1 if a follower is out of sync";
    PARTITION_UNDER_MIN_ISR: Gauge = "kafka_cluster_partition_underminisr", "1 if fewer than min.insync.replicas are in sync";
    PARTITION_AT_MIN_ISR: Gauge = "kafka_cluster_partition_atminisr", "1 if exactly min.insync.replicas are in sync";
    PARTITION_IN_SYNC_REPLICAS: Gauge = "kafka_cluster_partition_insyncreplicascount", "Replicas in sync, of a partition led here";
    PARTITION_REPLICAS: Gauge = "kafka_cluster_partition_replicascount", "Replicas, of a partition led here";
    PARTITION_LSO_LAG: Gauge = "kafka_cluster_partition_laststableoffsetlag", "High watermark less last stable offset";

    // kafka.log:type=Log
    LOG_SIZE: Gauge = "kafka_log_log_size", "Bytes of a log's segments";
    LOG_SEGMENTS: Gauge = "kafka_log_log_numlogsegments", "Segments of a log";
    LOG_START_OFFSET: Gauge = "kafka_log_log_logstartoffset", "First offset of a log";
    LOG_END_OFFSET: Gauge = "kafka_log_log_logendoffset", "The offset that the next record gets";
    LOG_FLUSH_TIME: Quantiles = "kafka_log_logflushstats_logflushrateandtimems", "Milliseconds that syncs of logs took, and waited for a thread";
    CLEANER_BUFFER_UTILIZATION: Gauge = "kafka_log_logcleaner_max_buffer_utilization_percent", "How full the map of keys was in the last round of cleaning";
    CLEANER_RECOPY_PERCENT: Gauge = "kafka_log_logcleaner_cleaner_recopy_percent", "Bytes that the last round of cleaning kept, in percent";
    CLEANER_CLEAN_TIME: Gauge = "kafka_log_logcleaner_max_clean_time_secs", "Seconds that the last round of cleaning took";
    CLEANER_OVERDUE: Gauge = "kafka_log_logcleaner_max_compaction_delay_secs", "Seconds that a record has waited to be compacted beyond max.compaction.lag.ms";
    CLEANER_DIRTY_PERCENT: Gauge = "kafka_log_logcleanermanager_max_dirty_percent", "How much of the dirtiest log is dirty, in percent";
    CLEANER_LAST_RUN: Gauge = "kafka_log_logcleanermanager_time_since_last_run_ms", "Milliseconds since cleaners last looked for a log";
    CLEANER_UNCLEANABLE: Gauge = "kafka_log_logcleanermanager_uncleanable_partitions_count", "Logs that cannot be cleaned and are left alone";
    CLEANER_UNCLEANABLE_BYTES: Gauge = "kafka_log_logcleanermanager_uncleanable_bytes", "Bytes of logs that are left alone";

    // kafka.log:type=LogManager
    OFFLINE_LOG_DIRECTORY_COUNT: Gauge = "kafka_log_logmanager_offlinelogdirectorycount", "Log directories that have failed";
    CORDONED_LOG_DIRECTORY_COUNT: Gauge = "kafka_log_logmanager_cordonedlogdirectorycount", "Log directories that take no new partitions (cordoned.log.dirs)";
    LOG_DIRECTORY_OFFLINE: Gauge = "kafka_log_logmanager_logdirectoryoffline", "1 if a log directory has failed";
    LOG_DIRECTORY_CORDONED: Gauge = "kafka_log_logmanager_logdirectorycordoned", "1 if a log directory takes no new partitions";

    // kafka.server:type=KafkaServer
    BROKER_STATE: Gauge = "kafka_server_kafkaserver_brokerstate", "0: not begun, 1: the broker catches up with the metadata, 2: it opens its partitions, 3: it serves, 6: it waits to be let go, 7: it stops";
    DISK_READ_BYTES: Gauge = "kafka_server_kafkaserver_linux_disk_read_bytes", "Bytes that the process has read from block devices";
    DISK_WRITE_BYTES: Gauge = "kafka_server_kafkaserver_linux_disk_write_bytes", "Bytes that the process has written to block devices";

    // kafka.network:type=RequestMetrics
    REQUESTS: Counter = "kafka_network_requestmetrics_requests", "Requests that were answered";
    REQUEST_ERRORS: Counter = "kafka_network_requestmetrics_errors", "Error codes in answers, NONE included: of each item, or of the answer as a whole, as Kafka counts them";
    REQUEST_TOTAL_TIME: Quantiles = "kafka_network_requestmetrics_totaltimems", "From the request's last byte to the response's, in milliseconds";
    REQUEST_QUEUE_TIME: Quantiles = "kafka_network_requestmetrics_requestqueuetimems", "Milliseconds until work on the request began: it waits for what came before it, or for queued.max.requests";
    REQUEST_LOCAL_TIME: Quantiles = "kafka_network_requestmetrics_localtimems", "Milliseconds until all was done that this node could do at once";
    REQUEST_REMOTE_TIME: Quantiles = "kafka_network_requestmetrics_remotetimems", "Milliseconds that the request then waited for others: replicas, records, members";
    REQUEST_RESPONSE_QUEUE_TIME: Quantiles = "kafka_network_requestmetrics_responsequeuetimems", "Milliseconds that the response waited for those of earlier requests";
    REQUEST_RESPONSE_SEND_TIME: Quantiles = "kafka_network_requestmetrics_responsesendtimems", "Milliseconds until the system had taken the whole response";
    REQUEST_THROTTLE_TIME: Quantiles = "kafka_network_requestmetrics_throttletimems", "Milliseconds that the client is to wait before its next request, because of a quota";
    REQUEST_BYTES: Quantiles = "kafka_network_requestmetrics_requestbytes", "Bytes of the request behind its header";
    REQUEST_QUEUE_SIZE: Gauge = "kafka_network_requestchannel_requestqueuesize", "Requests that wait for shards, of queued.max.requests";
    MEMORY_POOL_AVAILABLE: Gauge = "kafka_network_socketserver_memorypoolavailable", "Bytes of queued.max.request.bytes that are left; without it the largest number there is";
    MEMORY_POOL_USED: Gauge = "kafka_network_socketserver_memorypoolused", "Bytes of queued.max.request.bytes that requests take";
    MEMORY_POOL_DEPLETED_PERCENT: Gauge = "kafka_server_socket_server_metrics_memorypoolavgdepletedpercent", "Part of the last minute in which requests waited for queued.max.request.bytes, from 0 to 1";
    MEMORY_POOL_DEPLETED_TIME: Counter = "kafka_server_socket_server_metrics_memorypooldepletedtime", "Milliseconds in which requests waited for queued.max.request.bytes";
    REQUEST_HANDLER_IDLE: Gauge = "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", "Part of the last minute or so in which the shards' threads had nothing to do, from 0 to 1";
    NETWORK_PROCESSOR_IDLE: Gauge = "kafka_network_socketserver_networkprocessoravgidle_percent", "The same: a shard's thread serves its connections too";
    CONNECTIONS: Gauge = "kafka_server_socket_server_metrics_connection_count", "Open connections of clients";

    // kafka.server:type=ForwardingManager
    FORWARDING_QUEUE_P99: Gauge = "kafka_server_forwardingmanager_queuetimems_p99", "Milliseconds that such requests wait to be sent, of all but one in a hundred";
    FORWARDING_QUEUE_P999: Gauge = "kafka_server_forwardingmanager_queuetimems_p999", "The same of all but one in a thousand";
    FORWARDING_REMOTE_P99: Gauge = "kafka_server_forwardingmanager_remotetimems_p99", "Milliseconds until the other controller has answered, of all but one in a hundred";
    FORWARDING_REMOTE_P999: Gauge = "kafka_server_forwardingmanager_remotetimems_p999", "The same of all but one in a thousand";
    FORWARDING_QUEUE: Gauge = "kafka_server_forwardingmanager_queuelength", "Requests of clients that another controller has not answered";

    // kafka.coordinator.group:type=GroupMetadataManager, group-coordinator-metrics
    NUM_GROUPS: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroups", "Classic groups coordinated here";
    NUM_OFFSETS: Gauge = "kafka_coordinator_group_groupmetadatamanager_numoffsets", "Committed offsets kept here";
    NUM_GROUPS_PREPARING: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroupspreparingrebalance", "Classic groups that wait for members";
    NUM_GROUPS_COMPLETING: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroupscompletingrebalance", "Classic groups that wait for an assignment";
    NUM_GROUPS_STABLE: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroupsstable", "Classic groups with an assignment";
    NUM_GROUPS_DEAD: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroupsdead", "Always 0: what has gone is not kept";
    NUM_GROUPS_EMPTY: Gauge = "kafka_coordinator_group_groupmetadatamanager_numgroupsempty", "Classic groups without members";
    GROUP_COUNT: Gauge = "kafka_server_group_coordinator_metrics_group_count", "Groups coordinated here, by protocol";
    CONSUMER_GROUP_COUNT: Gauge = "kafka_server_group_coordinator_metrics_consumer_group_count", "Consumer groups coordinated here, by state";
    SHARE_GROUP_COUNT: Gauge = "kafka_server_group_coordinator_metrics_share_group_count", "Share groups coordinated here, by state";
    STREAMS_GROUP_COUNT: Gauge = "kafka_server_group_coordinator_metrics_streams_group_count", "Streams groups coordinated here, by state";
    GROUP_COORDINATOR_PARTITIONS: Gauge = "kafka_server_group_coordinator_metrics_num_partitions", "Partitions of __consumer_offsets led here, by state of their coordinator";
    TRANSACTION_COORDINATOR_PARTITIONS: Gauge = "kafka_server_transaction_coordinator_metrics_num_partitions", "Partitions of __transaction_state led here, by state of their coordinator; Kafka has no such metric";

    OFFSET_COMMITS: Gauge = "kafka_server_group_coordinator_metrics_offset_commit_count", "Offsets that were committed";
    OFFSET_EXPIRATIONS: Gauge = "kafka_server_group_coordinator_metrics_offset_expiration_count", "Offsets that were kept for long enough";
    OFFSET_DELETIONS: Gauge = "kafka_server_group_coordinator_metrics_offset_deletion_count", "Offsets that somebody had deleted";
    CLASSIC_REBALANCES: Gauge = "kafka_server_group_coordinator_metrics_group_completed_rebalance_count", "Assignments of classic groups that took effect";
    CONSUMER_REBALANCES: Gauge = "kafka_server_group_coordinator_metrics_consumer_group_rebalance_count", "New epochs of consumer groups";
    SHARE_REBALANCES: Gauge = "kafka_server_group_coordinator_metrics_share_group_rebalance_count", "New epochs of share groups";
    STREAMS_REBALANCES: Gauge = "kafka_server_group_coordinator_metrics_streams_group_rebalance_count", "New epochs of streams groups";
    GROUP_LOAD_MAX: Gauge = "kafka_server_group_coordinator_metrics_partition_load_time_max", "Milliseconds that loading a partition of __consumer_offsets took at most in the last minute";
    GROUP_LOAD_AVG: Gauge = "kafka_server_group_coordinator_metrics_partition_load_time_avg", "Milliseconds that it took on average";
    TRANSACTION_LOAD_MAX: Gauge = "kafka_server_transaction_coordinator_metrics_partition_load_time_max", "Milliseconds that loading a partition of __transaction_state took at most in the last minute";
    TRANSACTION_LOAD_AVG: Gauge = "kafka_server_transaction_coordinator_metrics_partition_load_time_avg", "Milliseconds that it took on average";

    // kafka.coordinator.transaction:type=TransactionMarkerChannelManager, kafka.server:type=AddPartitionsToTxnManager
    UNKNOWN_DESTINATIONS: Gauge = "kafka_coordinator_transaction_transactionmarkerchannelmanager_unknowndestinationqueuesize", "Ended transactions whose markers wait for partitions to get a leader";
    VERIFICATION_FAILURES: Counter = "kafka_server_addpartitionstotxnmanager_verificationfailurerate", "Partitions whose batches were refused since their transaction's coordinator has not confirmed them";
    VERIFICATION_TIME: Quantiles = "kafka_server_addpartitionstotxnmanager_verificationtimems", "Milliseconds until the coordinator of a transaction has said whether a partition takes part";

    // kafka.server:type=share-coordinator-metrics
    SHARE_COORDINATOR_PARTITIONS: Gauge = "kafka_server_share_coordinator_metrics_num_partitions", "Partitions of __share_group_state led here, by state of their coordinator";
    SHARE_LOAD_MAX: Gauge = "kafka_server_share_coordinator_metrics_partition_load_time_max", "Milliseconds that loading a partition of __share_group_state took at most in the last minute";
    SHARE_LOAD_AVG: Gauge = "kafka_server_share_coordinator_metrics_partition_load_time_avg", "Milliseconds that it took on average";
    SHARE_STATE_WRITES: Counter = "kafka_server_share_coordinator_metrics_write", "Writes of share partitions' state";
    SHARE_STATE_WRITE_MAX: Gauge = "kafka_server_share_coordinator_metrics_write_latency_max", "Milliseconds that a write of state took at most in the last minute";
    SHARE_STATE_WRITE_AVG: Gauge = "kafka_server_share_coordinator_metrics_write_latency_avg", "Milliseconds that it took on average";
    SHARE_STATE_PRUNED: Gauge = "kafka_server_share_coordinator_metrics_last_pruned_offset", "Offset before which a partition of __share_group_state was deleted";

    // kafka.controller:type=KafkaController
    ACTIVE_CONTROLLER_COUNT: Gauge = "kafka_controller_kafkacontroller_activecontrollercount", "1 on the active controller";
    ACTIVE_BROKER_COUNT: Gauge = "kafka_controller_kafkacontroller_activebrokercount", "Brokers that are registered and not fenced";
    FENCED_BROKER_COUNT: Gauge = "kafka_controller_kafkacontroller_fencedbrokercount", "Brokers that are registered and fenced";
    GLOBAL_TOPIC_COUNT: Gauge = "kafka_controller_kafkacontroller_globaltopiccount", "Topics of the cluster";
    GLOBAL_PARTITION_COUNT: Gauge = "kafka_controller_kafkacontroller_globalpartitioncount", "Partitions of the cluster";
    OFFLINE_PARTITIONS_COUNT: Gauge = "kafka_controller_kafkacontroller_offlinepartitionscount", "Partitions without a leader";
    PREFERRED_REPLICA_IMBALANCE_COUNT: Gauge = "kafka_controller_kafkacontroller_preferredreplicaimbalancecount", "Partitions that another than their preferred replica leads";
    LAST_APPLIED_RECORD_OFFSET: Gauge = "kafka_controller_kafkacontroller_lastappliedrecordoffset", "Last record of the metadata log that the controller has applied";
    LAST_COMMITTED_RECORD_OFFSET: Gauge = "kafka_controller_kafkacontroller_lastcommittedrecordoffset", "Last record of the metadata log that is committed";

    LAST_APPLIED_RECORD_TIMESTAMP: Gauge = "kafka_controller_kafkacontroller_lastappliedrecordtimestamp", "Time of the last record that the controller has applied, in milliseconds since 1970";
    LAST_APPLIED_RECORD_LAG: Gauge = "kafka_controller_kafkacontroller_lastappliedrecordlagms", "Milliseconds since that time";
    TIMED_OUT_HEARTBEATS: Gauge = "kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount", "Brokers that this controller has fenced for their silence";
    NEW_ACTIVE_CONTROLLERS: Gauge = "kafka_controller_kafkacontroller_newactivecontrollerscount", "Times that this node has seen a new active controller";
    METADATA_ERRORS: Gauge = "kafka_controller_kafkacontroller_metadataerrorcount", "Changes of the metadata that this controller could not put into effect";
    IGNORED_STATIC_VOTERS: Gauge = "kafka_controller_kafkacontroller_ignoredstaticvoters", "1 if controller.quorum.voters is set and does not count, since the quorum has its own voters";
    CONTROLLED_SHUTDOWN_BROKER_COUNT: Gauge = "kafka_controller_kafkacontroller_controlledshutdownbrokercount", "Brokers that are being let go";
    BROKER_REGISTRATION_STATE: Gauge = "kafka_controller_kafkacontroller_brokerregistrationstate", "10: a broker is fenced, 20: it is being let go, 30: it is active";
    BROKER_SILENCE: Gauge = "kafka_controller_kafkacontroller_timesincelastheartbeatreceivedms", "Milliseconds since a broker's last heartbeat, on the active controller";
    CONTROLLER_OPERATIONS: Gauge = "kafka_controller_kafkacontroller_eventqueueoperationsstartedcount", "Requests that this node has worked on as the active controller";
    CONTROLLER_QUEUE_TIME: Quantiles = "kafka_controller_controllereventmanager_eventqueuetimems", "Milliseconds that they waited for the controller's thread";
    CONTROLLER_PROCESSING_TIME: Quantiles = "kafka_controller_controllereventmanager_eventqueueprocessingtimems", "Milliseconds until they were decided, or not";
    CONTROLLER_IDLE: Gauge = "kafka_controller_controllereventmanager_avgidleratio", "Part of the last minute in which the controller's thread, which is the quorum's, had nothing to do, from 0 to 1";
    UNCLEAN_LEADER_ELECTIONS: Counter = "kafka_controller_controllerstats_uncleanleaderelections", "Leaders that this controller has elected although they were not in sync";
    ELR_ELECTIONS: Counter = "kafka_controller_controllerstats_electionfromeligibleleaderreplicas", "Leaders that this controller has elected from the eligible replicas (KIP-966)";

    // kafka.server:type=raft-metrics
    RAFT_VOTED: Gauge = "kafka_server_raft_metrics_current_vote", "Id of whom this node has voted for in this epoch, -1 for nobody";
    RAFT_OBSERVERS: Gauge = "kafka_server_raft_metrics_number_of_observers", "Nodes that follow the quorum without a vote, on its leader";
    RAFT_VOTER_CHANGE: Gauge = "kafka_server_raft_metrics_uncommitted_voter_change", "1 while a change of the voters is not committed, on the leader";
    RAFT_STATE: Gauge = "kafka_server_raft_metrics_current_state", "1 for the role that this node has in the quorum";
    RAFT_LEADER: Gauge = "kafka_server_raft_metrics_current_leader", "Id of the quorum's leader, -1 if unknown";
    RAFT_EPOCH: Gauge = "kafka_server_raft_metrics_current_epoch", "Epoch of the quorum";
    RAFT_HIGH_WATERMARK: Gauge = "kafka_server_raft_metrics_high_watermark", "Offset up to which the metadata log is committed, -1 if unknown";
    RAFT_LOG_END_OFFSET: Gauge = "kafka_server_raft_metrics_log_end_offset", "The offset that the next metadata record gets";
    RAFT_LOG_END_EPOCH: Gauge = "kafka_server_raft_metrics_log_end_epoch", "Epoch of the last metadata record";
    RAFT_VOTERS: Gauge = "kafka_server_raft_metrics_number_of_voters", "Voters of the quorum";
    RAFT_COMMIT_AVG: Gauge = "kafka_server_raft_metrics_commit_latency_avg", "Milliseconds until a record of this leader was committed, on average in the last minute";
    RAFT_COMMIT_MAX: Gauge = "kafka_server_raft_metrics_commit_latency_max", "Milliseconds that it took at most";
    RAFT_ELECTION_AVG: Gauge = "kafka_server_raft_metrics_election_latency_avg", "Milliseconds from this node's candidacy until there was a leader, on average in the last minute";
    RAFT_ELECTION_MAX: Gauge = "kafka_server_raft_metrics_election_latency_max", "Milliseconds that it took at most";
    RAFT_APPEND_RATE: Gauge = "kafka_server_raft_metrics_append_records_rate", "Metadata records that this node wrote as leader, in a second of the last minute";
    RAFT_FETCH_RATE: Gauge = "kafka_server_raft_metrics_fetch_records_rate", "Metadata records that this node got from the leader, in a second of the last minute";
    RAFT_IDLE: Gauge = "kafka_server_raft_metrics_poll_idle_ratio_avg", "Part of the last minute in which the quorum's thread had nothing to do, from 0 to 1";

    // kafka.server:type=broker-metadata-metrics, MetadataLoader, SnapshotEmitter, node-metrics
    BROKER_METADATA_OFFSET: Gauge = "kafka_server_broker_metadata_metrics_last_applied_record_offset", "Last record of the metadata log that this broker has applied";
    BROKER_METADATA_TIMESTAMP: Gauge = "kafka_server_broker_metadata_metrics_last_applied_record_timestamp", "Its time, in milliseconds since 1970";
    BROKER_METADATA_LAG: Gauge = "kafka_server_broker_metadata_metrics_last_applied_record_lag_ms", "Milliseconds since that time";
    METADATA_APPLY_ERRORS: Gauge = "kafka_server_broker_metadata_metrics_metadata_apply_error_count", "Changes of the metadata that this broker could not put into effect";
    BROKER_IGNORED_STATIC_VOTERS: Gauge = "kafka_server_broker_metadata_metrics_ignored_static_voters", "1 if controller.quorum.voters is set and does not count, since the quorum has its own voters";
    METADATA_VERSION: Gauge = "kafka_server_metadataloader_currentmetadataversion", "Level of metadata.version";
    CURRENT_CONTROLLER_ID: Gauge = "kafka_server_metadataloader_currentcontrollerid", "Id of the active controller, -1 if unknown";
    LOADED_SNAPSHOTS: Gauge = "kafka_server_metadataloader_handleloadsnapshotcount", "Snapshots of the metadata that were loaded since the start";
    FINALIZED_LEVEL: Gauge = "kafka_server_metadataloader_finalizedlevel", "Level of a feature that the cluster has finalized";
    SNAPSHOT_BYTES: Gauge = "kafka_server_snapshotemitter_latestsnapshotgeneratedbytes", "Bytes of the last snapshot of the metadata that this node has written, 0 if none since the start";
    SNAPSHOT_AGE: Gauge = "kafka_server_snapshotemitter_latestsnapshotgeneratedagems", "Milliseconds since then, or since the start";
    MAXIMUM_SUPPORTED_LEVEL: Gauge = "kafka_server_node_metrics_maximum_supported_level", "Highest level of a feature that this node supports";
    MINIMUM_SUPPORTED_LEVEL: Gauge = "kafka_server_node_metrics_minimum_supported_level", "Lowest level of a feature that this node supports";

    // The process, as Prometheus' own client libraries tell it
    PROCESS_CPU_SECONDS: Counter = "process_cpu_seconds", "Processor time that the process has used, in seconds";
    PROCESS_RESIDENT_BYTES: Gauge = "process_resident_memory_bytes", "Memory of the process that is resident, in bytes";
    PROCESS_OPEN_FILES: Gauge = "process_open_fds", "Open file descriptors";
    PROCESS_THREADS: Gauge = "process_threads", "Threads of the process";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lower_case() {
        let mut names: Vec<_> = ALL.iter().map(|family| family.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        let is_plain =
            |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(names.iter().all(|name| is_plain(name)));
    }
}
