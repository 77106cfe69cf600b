use std::{
    io::ErrorKind,
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};

use super::{disk::SimulatedDisk, net::Link, *};
use crate::{
    Clock,
    disk::OpenMode,
    net::{Listener, SocketOptions, Stream},
    spawn,
};

type Heard = Arc<Mutex<Vec<String>>>;

const SECOND: Duration = Duration::from_secs(1);

fn say(heard: &Heard, text: impl Into<String>) {
    heard.lock().unwrap().push(text.into());
}

/// Answers every byte string with itself.
async fn echo() {
    let listener = Listener::bind("", 9092, 10, SocketOptions::default()).unwrap().into_acceptor().unwrap();
    loop {
        let stream = listener.accept().await.unwrap().into_stream().unwrap();
        spawn::local(async move {
            let mut buffer = BytesMut::with_capacity(1024);
            while let Ok(1..) = stream.read(&mut buffer).await {
                stream.write_all(&mut [buffer.split().freeze()]).await.unwrap_or(());
                buffer.reserve(1024);
            }
        });
    }
}

/// Connects to host 1, says `hello` and tells what comes back, `count` times a second apart.
async fn talk(heard: Heard, count: usize) {
    let clock = Clock::here();
    let stream = match Stream::connect("10.0.0.1", 9092, 5 * SECOND).await {
        Ok(stream) => stream,
        Err(error) => return say(&heard, format!("{:?}", error.kind())),
    };
    let mut buffer = BytesMut::with_capacity(1024);
    for _ in 0..count {
        if let Err(error) = stream.write_all(&mut [Bytes::from_static(b"hello")]).await {
            return say(&heard, format!("write {:?}", error.kind()));
        }
        while buffer.len() < 5 {
            match clock.timeout(4 * SECOND, stream.read(&mut buffer)).await {
                Some(Ok(1..)) => {}
                Some(Ok(_)) => return say(&heard, "end"),
                Some(Err(error)) => return say(&heard, format!("{:?}", error.kind())),
                None => return say(&heard, "silence"),
            }
        }
        say(&heard, String::from_utf8(buffer.split().to_vec()).unwrap());
        clock.sleep(SECOND).await;
    }
}

fn conversation(seed: u64, count: usize, act: impl FnOnce(&Simulation, Process)) -> (Vec<String>, u64) {
    let sim = Simulation::new(seed);
    let server = sim.start(Host(1), 2, echo);
    sim.run_for(Duration::from_millis(1));
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    sim.start(Host(2), 2, move || talk(hears, count));
    sim.run_for(Duration::from_millis(500));
    act(&sim, server);
    sim.run_for(10 * SECOND);
    assert_eq!(sim.panics(), Vec::<String>::new());
    (heard.lock().unwrap().clone(), sim.trace())
}

#[test]
fn a_seed_tells_everything() {
    let (heard, trace) = conversation(7, 3, |_, _| {});
    assert_eq!(heard, ["hello", "hello", "hello"]);
    assert_eq!(conversation(7, 3, |_, _| {}).1, trace);
    assert_ne!(conversation(8, 3, |_, _| {}).1, trace);
}

#[test]
fn a_killed_process_closes_its_connections_and_a_dead_host_says_nothing() {
    let (heard, _) = conversation(1, 3, |sim, server| sim.kill(server));
    assert_eq!(heard, ["hello", "end"]);
    let (heard, _) = conversation(1, 3, |sim, _| sim.power_off(Host(1)));
    assert_eq!(heard, ["hello", "silence"]);
    // The host is back and has never heard of the connection.
    let (heard, _) = conversation(1, 3, |sim, _| {
        sim.power_off(Host(1));
        sim.run_for(SECOND);
        sim.power_on(Host(1));
    });
    assert_eq!(heard, ["hello", "ConnectionReset"]);
}

#[test]
fn what_a_cut_link_holds_arrives_when_it_is_whole() {
    let cut = Link { is_cut: true, ..Link::default() };
    for (from, to) in [(1, 2), (2, 1)] {
        let (heard, _) = conversation(1, 3, |sim, _| {
            sim.set_link(Host(from), Host(to), cut);
            sim.run_for(2 * SECOND);
            sim.set_link(Host(from), Host(to), Link::default());
        });
        assert_eq!(heard, ["hello", "hello", "hello"], "{from} to {to}");
        let (heard, _) = conversation(1, 3, |sim, _| sim.set_link(Host(from), Host(to), cut));
        assert_eq!(heard, ["hello", "silence"], "{from} to {to}");
    }
    let (heard, _) = conversation(1, 3, |sim, _| sim.reset_connections(Host(2), Host(1)));
    assert_eq!(heard, ["hello", "write ConnectionReset"]);
    let (heard, _) = conversation(1, 3, |sim, server| {
        sim.pause(server);
        sim.run_for(2 * SECOND);
        sim.resume(server);
    });
    assert_eq!(heard, ["hello", "hello", "hello"]);
}

#[test]
fn what_was_synced_outlasts_a_loss_of_power() {
    let root = Path::new("/data");
    let mut lost = 0;
    for seed in 0..50 {
        let simulated = SimulatedDisk::new(Entropy::seeded(seed));
        let disk = simulated.disk();
        disk.create_dir_all(root).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let synced = disk.open(&root.join("synced"), OpenMode::Create).unwrap();
        synced.write_at(&[1; 2000], 0).unwrap();
        synced.sync_data().unwrap();
        disk.sync_dir(root).unwrap();
        synced.write_at(&[2; 2000], 2000).unwrap();
        disk.replace_file_with(&root.join("loose"), b"loose", false).unwrap();
        disk.replace_file(&root.join("held"), b"old").unwrap();
        disk.replace_file_with(&root.join("held"), b"new", false).unwrap();
        assert_eq!(disk.read_file(&root.join("held"), 9).unwrap(), b"new");
        simulated.lose_power();
        assert_eq!(synced.write_at(b"late", 0).unwrap_err().kind(), ErrorKind::NotConnected);
        let disk = simulated.disk();
        let content = disk.read_file(&root.join("synced"), 9000).unwrap();
        assert_eq!(content[..2000], [1; 2000]);
        assert!(content[2000..].iter().all(|byte| *byte == 2), "a torn write is a shorter one");
        lost += u64::from(content.len() < 4000);
        if let Ok(held) = disk.read_file(&root.join("held"), 9) {
            assert!([&b"old"[..], b"new", b""].contains(&&held[..]), "{held:?}");
        }
    }
    assert!((5..50).contains(&lost), "{lost} of 50 lost what was not synced");
}

#[test]
fn a_disk_fails_as_it_is_told() {
    let simulated = SimulatedDisk::new(Entropy::seeded(1));
    let disk = simulated.disk();
    let path = Path::new("/file");
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    simulated.set_faults(disk::Faults { capacity_bytes: 10, ..disk::Faults::default() });
    file.write_at(&[0; 10], 0).unwrap();
    assert_eq!(file.write_at(&[0; 1], 10).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.open(path, OpenMode::CreateNew).unwrap_err().kind(), ErrorKind::AlreadyExists);
    simulated.set_faults(disk::Faults { error_one_in: 1, ..disk::Faults::default() });
    assert!(file.sync_data().is_err());
    simulated.set_faults(disk::Faults { lies_about_sync: true, ..disk::Faults::default() });
    file.sync_all().unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let lock = disk.lock_dir(Path::new("/")).unwrap();
    assert!(lock.is_some());
    assert!(disk.lock_dir(Path::new("/")).unwrap().is_none());
    drop(lock);
    assert!(disk.lock_dir(Path::new("/")).unwrap().is_some());
}
