use super::{credential, decode_base64};
use klamm_protocol::Uuid;

fn salt() -> Uuid {
    Uuid::from_u128(7)
}

/// What Kafka 4.3.1's `kafka-storage format` printed for these arguments: the beginnings of the keys, as Java's bytes.
#[test]
fn credentials_are_those_of_kafka() {
    for (argument, name, mechanism, iterations, stored, server) in [
        (
            "SCRAM-SHA-256=[name=alice,password=alice-secret,salt=c2FsdHNhbHRzYWx0]",
            "alice",
            1,
            4096,
            [72, -2, 25, -10, -63, -65, -77, 26],
            [63, 75, 19, -116, 46, -4, 73, 60],
        ),
        (
            "SCRAM-SHA-512=[name=\"b,iterations=16384,salt=c2FsdA,password=\"\"q\"]",
            "\"b",
            2,
            16384,
            [-114, -38, 50, 64, -42, 42, 84, -108],
            [73, -12, 107, -97, 121, -8, -84, 24],
        ),
        (
            " SCRAM-SHA-256=[name=c,saltedpassword=AAECAwQF,salt=c2FsdA==] ",
            "c",
            1,
            4096,
            [34, 76, -14, -2, 61, -63, 73, 89],
            [25, -8, 58, 21, 79, 6, -101, 120],
        ),
    ] {
        let record = credential(argument, salt).expect(argument);
        assert_eq!((&*record.name, record.mechanism, record.iterations), (name, mechanism, iterations));
        let signed = |bytes: &[u8]| bytes[..8].iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>();
        assert_eq!(signed(&record.stored_key), stored, "{argument}");
        assert_eq!(signed(&record.server_key), server, "{argument}");
    }
}

#[test]
fn salt_is_drawn_where_none_is_named() {
    let record = credential("SCRAM-SHA-256=[name=a,password=p]", salt).expect("a credential");
    assert_eq!(record.salt.len(), 32);
}

#[test]
fn what_is_wrong_is_said_in_kafkas_words() {
    for (argument, expect) in [
        ("x", "Failed to find equals sign in SCRAM argument 'x'"),
        ("SCRAM-MD5=[name=a]", "The add-scram mechanism SCRAM-MD5 is not supported."),
        ("SCRAM-SHA-256=name=a", "Expected configuration string to start with ["),
        ("SCRAM-SHA-256=[name=a", "Expected configuration string to end with ]"),
        ("SCRAM-SHA-256=[]", "No equals sign found in SCRAM component: "),
        ("SCRAM-SHA-256=[password=p]", "You must supply 'name' to add-scram"),
        ("SCRAM-SHA-256=[name=a]", "You must supply one of 'password' or 'saltedpassword' to add-scram"),
        (
            "SCRAM-SHA-256=[name=a,saltedpassword=AA]",
            "You must supply 'salt' with 'saltedpassword' to add-scram",
        ),
        ("SCRAM-SHA-256=[name=a,password=p,salt=?]", "Failed to decode given salt: ?"),
        ("SCRAM-SHA-256=[name=a,password=p,iterations=x]", "Failed to parse iterations count: x"),
        ("SCRAM-SHA-256=[name=a,password=p,b=1]", "Unknown SCRAM configurations: b"),
        (
            "SCRAM-SHA-256=[name=a,password=p,iterations=4095]",
            "The 'iterations' value must be >= 4096 for add-scram using SCRAM_SHA_256",
        ),
        (
            "SCRAM-SHA-512=[name=a,password=p,iterations=16385]",
            "The 'iterations' value must be <= 16384 for add-scram using SCRAM_SHA_512",
        ),
    ] {
        assert_eq!(credential(argument, salt).map_err(|error| error.0), Err(expect.to_owned()));
    }
}

#[test]
fn base_64_is_read_as_java_reads_it() {
    for (text, expect) in [
        ("", Some(vec![])),
        ("AAEC", Some(vec![0, 1, 2])),
        ("/+8=", Some(vec![255, 239])),
        ("/+8", Some(vec![255, 239])),
        ("/w==", Some(vec![255])),
        ("/w=", None),
        ("A", None),
        ("AAEC=", None),
        ("AA-C", None),
        ("AA C", None),
    ] {
        assert_eq!(decode_base64(text), expect, "{text}");
    }
}
