//! Running Kafka's classes, and comparing what they leave with what we leave.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses its part, and may fail")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn classpath() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance/target/classpath.txt");
    let Ok(content) = std::fs::read_to_string(&file) else {
        panic!("{} is missing: run tests/conformance/build.sh (needs Java 17 and Maven)", file.display());
    };
    // The jars of Kafka's tests bring mocks along that get in the way.
    content.trim().split(':').filter(|jar| !jar.ends_with("-test.jar")).collect::<Vec<_>>().join(":")
}

pub fn java(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"])
        .arg("-Dlog4j2.level=ERROR")
        .arg("-cp")
        .arg(classpath())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java is missing: install openjdk-17-jdk-headless");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?} failed:\n{out}\n{err}");
    assert!(!err.contains("Exception"), "{arguments:?}:\n{out}\n{err}");
    // What Kafka logs begins with the time in brackets.
    out.lines().filter(|line| !line.starts_with('[')).map(|line| format!("{line}\n")).collect()
}

pub fn assert_same_text(ours: &str, theirs: &str, what: &str) {
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        assert_eq!(ours, theirs, "{what}, line {number}");
    }
    assert_eq!(ours.lines().count(), theirs.lines().count(), "{what}");
}

pub fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        contents
            .insert(path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
    }
    contents
}

#[expect(clippy::disallowed_methods, reason = "Kafka looks at the clock as well")]
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
