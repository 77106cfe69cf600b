//! Listeners, sockets and connections.

use crate::keys;

keys! { DEFS;
    /// Listener addresses that clients and other nodes are told to connect to. Unset: those of `listeners`.
    /// 0.0.0.0 is not allowed; several listeners may share a port.
    ADVERTISED_LISTENERS: Option<Vec<String>> = "advertised.listeners", null, SOME_OR_NULL, High, ReadOnly, supported;

    /// How long the answer to a failed authentication is held back, in milliseconds. Must be below
    /// `connections.max.idle.ms`.
    CONNECTION_FAILED_AUTHENTICATION_DELAY_MS: i32 = "connection.failed.authentication.delay.ms", default(100), at_least(0), Low, ReadOnly;

    /// A connection unused for this long is closed, in milliseconds; negative: never.
    CONNECTIONS_MAX_IDLE_MS: i64 = "connections.max.idle.ms", default(600000), Any, Medium, ReadOnly, supported;

    /// Socket timeout of requests between controller and broker, in milliseconds.
    CONTROLLER_SOCKET_TIMEOUT_MS: i32 = "controller.socket.timeout.ms", default(30000), Any, Medium, ReadOnly, supported;

    /// Name of the listener that brokers use among themselves. Unset: the one named like
    /// `security.inter.broker.protocol`. Only one of both may be set.
    INTER_BROKER_LISTENER_NAME: Option<String> = "inter.broker.listener.name", null, Any, Medium, ReadOnly, supported;

    /// Security protocol of each listener name, `NAME:PROTOCOL,...`.
    LISTENER_SECURITY_PROTOCOL_MAP: String = "listener.security.protocol.map", default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"), Any, Low, PerBroker, supported;

    /// Addresses to listen on, `NAME://host:port,...`. Without host: the default interface; 0.0.0.0: all;
    /// port 0: a free port.
    LISTENERS: Vec<String> = "listeners", default("PLAINTEXT://:9092"), SOME, High, PerBroker, supported;

    /// Most connections per second accepted, of the whole broker or, with the listener prefix, of one
    /// listener.
    MAX_CONNECTION_CREATION_RATE: i32 = "max.connection.creation.rate", default(2147483647), at_least(0), Medium, ClusterWide, supported;

    /// Most connections open at a time, of the whole broker or, with the listener prefix, of one listener.
    MAX_CONNECTIONS: i32 = "max.connections", default(2147483647), at_least(0), Medium, ClusterWide, supported;

    /// Most connections from one address. 0 only with `max.connections.per.ip.overrides`.
    MAX_CONNECTIONS_PER_IP: i32 = "max.connections.per.ip", default(2147483647), at_least(0), Medium, ClusterWide, supported;

    /// Most connections from given addresses, `host:count,...`; replaces `max.connections.per.ip`.
    MAX_CONNECTIONS_PER_IP_OVERRIDES: String = "max.connections.per.ip.overrides", default(""), Any, Medium, ClusterWide, supported;

    /// Bytes of requests being read or waiting for processing from which no more are read; -1: no limit. At
    /// least `socket.request.max.bytes`.
    QUEUED_MAX_REQUEST_BYTES: i64 = "queued.max.request.bytes", default(-1), Any, Medium, ReadOnly, supported;

    /// Number of requests waiting for processing from which no more are read.
    QUEUED_MAX_REQUESTS: i32 = "queued.max.requests", default(500), at_least(1), High, ReadOnly, supported;

    /// Longest wait for the answer to a request that this node sends, in milliseconds.
    REQUEST_TIMEOUT_MS: i32 = "request.timeout.ms", default(30000), Any, High, ReadOnly, supported;

    /// Longest time for setting up a connection after failures, in milliseconds.
    SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS: i64 = "socket.connection.setup.timeout.max.ms", default(30000), Any, Medium, ReadOnly, supported;

    /// Time for setting up a connection at the first attempt, in milliseconds; it doubles with each
    /// failure.
    SOCKET_CONNECTION_SETUP_TIMEOUT_MS: i64 = "socket.connection.setup.timeout.ms", default(10000), Any, Medium, ReadOnly, supported;

    /// Connections that may wait to be accepted on each listener.
    SOCKET_LISTEN_BACKLOG_SIZE: i32 = "socket.listen.backlog.size", default(50), at_least(1), Medium, ReadOnly, supported;

    /// Receive buffer of client sockets, in bytes; -1: the system's default.
    SOCKET_RECEIVE_BUFFER_BYTES: i32 = "socket.receive.buffer.bytes", default(102400), Any, High, ReadOnly, supported;

    /// Largest request accepted, in bytes.
    SOCKET_REQUEST_MAX_BYTES: i32 = "socket.request.max.bytes", default(104857600), at_least(1), High, ReadOnly, supported;

    /// Send buffer of client sockets, in bytes; -1: the system's default.
    SOCKET_SEND_BUFFER_BYTES: i32 = "socket.send.buffer.bytes", default(102400), Any, High, ReadOnly, supported;
}
