//! Listeners and addresses, as they stand in config values.

use std::collections::BTreeMap;
use std::fmt;

/// What a listener speaks below Kafka's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityProtocol {
    /// Neither encryption nor authentication.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// All of them, by id.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The id in registration records and requests.
    pub fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// The protocol of an id.
    pub fn from_id(id: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.id() == id)
    }

    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// The protocol of a name, in any case of letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }

    /// Whether connections authenticate by SASL.
    pub fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    /// Whether connections are encrypted.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a listener is bound, or where clients are told that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, in upper case.
    pub listener: String,
    /// What it speaks.
    pub security: SecurityProtocol,
    /// Host name or address. `None`: not given, which means the wildcard address when listening.
    pub host: Option<String>,
    /// Port; 0 when listening asks for a free one.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.listener, host_port(self.host.as_deref().unwrap_or_default(), self.port))
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// A member of `controller.quorum.voters`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Node id.
    pub id: i32,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Parses one `NAME://host:port` entry into name (upper case), host and port.
pub fn parse_listener(entry: &str) -> Result<(String, Option<String>, u16), String> {
    let unparsable = || format!("Unable to parse {entry} to a broker endpoint");
    let (name, address) = entry.rsplit_once("://").ok_or_else(unparsable)?;
    let (host, port) = split_host_port(address).ok_or_else(unparsable)?;
    Ok((name.to_uppercase(), (!host.is_empty()).then(|| host.to_owned()), port))
}

/// Parses one `id@host:port` entry of `controller.quorum.voters`.
pub fn parse_voter(entry: &str) -> Result<Voter, String> {
    const FORM: &str = "each entry should be in the form `{id}@{host}:{port}`";
    let (id, address) = entry.split_once('@').ok_or_else(|| format!("cannot parse entry {entry}, {FORM}"))?;
    let id = crate::value::trim(id)
        .parse::<i32>()
        .map_err(|_| format!("Failed to parse voter ID as an integer from {id}, {FORM}"))?;
    let (host, port) = split_host_port(address)
        .ok_or_else(|| format!("Failed to parse host name or port from entry {entry}, {FORM}"))?;
    Ok(Voter { id, host: host.to_owned(), port })
}

/// Parses one `host:port` entry of `controller.quorum.bootstrap.servers`.
pub fn parse_bootstrap_server(entry: &str) -> Result<(String, u16), String> {
    let address = entry.rsplit_once("://").map_or(entry, |(_, address)| address);
    split_host_port(address).map(|(host, port)| (host.to_owned(), port)).ok_or_else(|| {
        format!("Failed to parse host name or port from {entry}, each entry should be in the form \"{{host}}:{{port}}\"")
    })
}

/// Splits at the last colon and drops brackets. The host may be empty.
fn split_host_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    is_host(host).then_some(())?;
    Some((host, port.parse().ok()?))
}

/// Whether `host` consists of the characters that Kafka takes in host names and addresses.
pub fn is_host(host: &str) -> bool {
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-%._:".contains(&b))
}

/// Parses `key:value,...`, splitting each entry at its last colon, so that keys may be IPv6 addresses.
pub fn parse_map(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut map = BTreeMap::new();
    if text.is_empty() {
        return Ok(map);
    }
    // Empty entries at the end do not count, in the way of Java's split.
    for entry in text.trim_end_matches([',', ' ', '\t']).split(',') {
        let (key, value) = entry
            .rsplit_once(':')
            .ok_or_else(|| format!("{} has no colon, expected key:value", entry.trim()))?;
        map.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    Ok(map)
}

/// Parses a list of listeners and checks that names differ and, if `distinct_ports`, ports too. Two listeners may share
/// a port when one has an IPv4 and the other an IPv6 address; port 0 may stand several times.
pub fn parse_listeners(
    entries: &[String],
    protocols: &BTreeMap<String, SecurityProtocol>,
    distinct_ports: bool,
) -> Result<Vec<Endpoint>, String> {
    let mut endpoints: Vec<Endpoint> = Vec::with_capacity(entries.len());
    for entry in entries {
        let (listener, host, port) = parse_listener(entry)?;
        let security = *protocols
            .get(&listener)
            .ok_or_else(|| format!("No security protocol defined for listener {listener}"))?;
        if endpoints.iter().any(|other| other.listener == listener) {
            return Err(format!(
                "Each listener must have a different name, listeners: {}",
                entries.join(",")
            ));
        }
        endpoints.push(Endpoint { listener, security, host, port });
    }
    if distinct_ports {
        check_ports(&endpoints, entries)?;
    }
    Ok(endpoints)
}

fn check_ports(endpoints: &[Endpoint], entries: &[String]) -> Result<(), String> {
    let ip = |e: &Endpoint| e.host.as_deref().and_then(|h| h.parse::<std::net::IpAddr>().ok());
    for endpoint in endpoints.iter().filter(|e| e.port != 0) {
        let same: Vec<_> = endpoints.iter().filter(|e| e.port == endpoint.port).collect();
        let is_pair = match same.as_slice() {
            [_] => true,
            [a, b] => matches!((ip(a), ip(b)), (Some(a), Some(b)) if a.is_ipv4() != b.is_ipv4()),
            _ => false,
        };
        if !is_pair {
            return Err(format!(
                "Each listener must have a different port unless exactly one listener has an IPv4 address and the \
                 other IPv6 address, listeners: {}, port: {}",
                entries.join(","),
                endpoint.port
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners() {
        let ok = |name: &str, host: Option<&str>, port| Ok((name.to_owned(), host.map(str::to_owned), port));
        for (entry, expected) in [
            ("PLAINTEXT://localhost:9092", ok("PLAINTEXT", Some("localhost"), 9092)),
            ("external://:0", ok("EXTERNAL", None, 0)),
            ("A://[::1]:9092", ok("A", Some("::1"), 9092)),
            ("A://0.0.0.0:1", ok("A", Some("0.0.0.0"), 1)),
        ] {
            assert_eq!(parse_listener(entry), expected);
        }
        for bad in
            ["", "PLAINTEXT", "PLAINTEXT://host", "PLAINTEXT://ho st:1", "PLAINTEXT://h:99999", "A://h:-1"]
        {
            assert!(parse_listener(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_differ_unless_ipv4_and_ipv6() {
        let protocols: BTreeMap<_, _> =
            ["A", "B", "C"].map(|n| (n.to_owned(), SecurityProtocol::Plaintext)).into_iter().collect();
        for (entries, ok) in [
            ("A://h:1,B://h:2", true),
            ("A://h:1,B://h:1", false),
            ("A://h:0,B://h:0", true),
            ("A://127.0.0.1:1,B://[::1]:1", true),
            ("A://127.0.0.1:1,B://[::1]:1,C://h:1", false),
            ("A://h:1,A://h:2", false),
            ("A://h:1,D://h:2", false),
        ] {
            let list = crate::value::split_list(entries);
            assert_eq!(parse_listeners(&list, &protocols, true).is_ok(), ok, "{entries}");
        }
    }

    #[test]
    fn voters_and_bootstrap_servers() {
        assert_eq!(parse_voter("1@host:9093"), Ok(Voter { id: 1, host: "host".to_owned(), port: 9093 }));
        for bad in ["host:9093", "x@host:9093", "1@host", "1@ho/st:1"] {
            assert!(parse_voter(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_bootstrap_server("[::1]:9093"), Ok(("::1".to_owned(), 9093)));
        assert!(parse_bootstrap_server("host").is_err());
    }

    #[test]
    fn maps_split_at_the_last_colon() {
        let map = parse_map("::1:5, host:6").unwrap();
        assert_eq!(map.get("::1").map(String::as_str), Some("5"));
        assert_eq!(map.get("host").map(String::as_str), Some("6"));
        assert!(parse_map("nocolon").is_err());
        assert!(parse_map("").unwrap().is_empty());
    }
}
