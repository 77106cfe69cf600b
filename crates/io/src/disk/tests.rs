use super::*;

struct TempDir(PathBuf);

impl TempDir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("klamm-disk-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn writes_at_positions_and_reads_back() {
    let dir = TempDir::new("rw");
    let disk = Disk::real();
    let file = disk.open(&dir.0.join("a"), OpenMode::CreateNew).unwrap();
    file.write_at(b"hello", 0).unwrap();
    let many: Vec<&[u8]> = (0..3000).map(|_| &b"xy"[..]).collect();
    file.write_vectored_at(&many, 5).unwrap();
    assert_eq!(file.len().unwrap(), 6005);
    let mut buffer = [0; 7];
    assert_eq!(file.read_at(&mut buffer, 6000).unwrap(), 5);
    assert_eq!(&buffer[..5], b"yxyxy");
    assert_eq!(file.read_exact_at(&mut buffer, 6000).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    file.truncate(3).unwrap();
    file.preallocate(4096).unwrap();
    assert_eq!(file.len().unwrap(), 4096);
    file.set_modified_ms(1_600_000_000_123).unwrap();
    assert_eq!(disk.metadata(&dir.0.join("a")).unwrap().modified_ms, 1_600_000_000_123);
    file.sync_data().unwrap();
}

#[test]
fn paths_begin_at_the_root() {
    let here = std::env::current_dir().unwrap();
    let here = here.to_str().unwrap();
    for (path, whole) in [
        ("/a//b/", "/a/b".to_owned()),
        ("/", "/".to_owned()),
        ("/a/./../b", "/a/./../b".to_owned()),
        ("data", format!("{here}/data")),
        ("./data//x/", format!("{here}/./data/x")),
    ] {
        assert_eq!(Disk::real().absolute(path).to_str(), Some(whole.as_str()), "{path}");
    }
}

#[test]
fn a_file_outlives_its_name() {
    let dir = TempDir::new("outlive");
    let disk = Disk::real();
    let path = dir.0.join("a");
    disk.replace_file(&path, b"content").unwrap();
    let file = disk.open(&path, OpenMode::Read).unwrap();
    assert!(disk.remove_file(&path).unwrap());
    assert!(!disk.remove_file(&path).unwrap());
    let mut buffer = [0; 7];
    file.read_exact_at(&mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"content");
}

#[test]
fn replaces_a_file_and_leaves_no_other() {
    let dir = TempDir::new("replace");
    let disk = Disk::real();
    let path = dir.0.join("checkpoint");
    disk.replace_file(&path, b"a longer first version").unwrap();
    disk.replace_file_with(&path, b"second", false).unwrap();
    assert_eq!(disk.read_file(&path, 100).unwrap(), b"second");
    assert_eq!(disk.read_file(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
    let names: Vec<String> = disk.read_dir(&dir.0).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["checkpoint"]);
}

#[test]
fn a_directory_is_locked_once() {
    let dir = TempDir::new("lock");
    let disk = Disk::real();
    let held = disk.lock_dir(&dir.0).unwrap();
    assert!(held.is_some());
    assert!(disk.lock_dir(&dir.0).unwrap().is_none());
    drop(held);
    assert!(disk.lock_dir(&dir.0).unwrap().is_some());
}

#[test]
fn errors_name_the_path() {
    let disk = Disk::real();
    let error = disk.open(Path::new("/nonexistent/file"), OpenMode::Read).unwrap_err();
    assert!(error.is_not_found());
    assert!(error.to_string().starts_with("open /nonexistent/file: "), "{error}");
    assert!(disk.usage(Path::new("/")).unwrap().total_bytes > 0);
}
