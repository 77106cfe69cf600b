//! Just enough of the zip format to read text files out of a jar.

use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;

const END_OF_DIRECTORY: &[u8] = b"PK\x05\x06";

/// Name and content of every file of the archive whose name passes `wanted`.
pub(crate) fn files(path: &Path, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let archive = std::fs::read(path).expect("the jar can be read");
    let u16 = |at: usize| usize::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let u32 = |at: usize| u16(at) | u16(at + 2) << 16;
    let end = archive.windows(4).rposition(|window| window == END_OF_DIRECTORY).expect("a zip file");
    let mut entry = u32(end + 16);
    let mut found = Vec::new();
    for _ in 0..u16(end + 10) {
        let (method, size) = (u16(entry + 10), u32(entry + 20));
        let name_end = entry + 46 + u16(entry + 28);
        let name = String::from_utf8_lossy(&archive[entry + 46..name_end]).into_owned();
        if wanted(&name) {
            let local = u32(entry + 42);
            let start = local + 30 + u16(local + 26) + u16(local + 28);
            let packed = &archive[start..start + size];
            let mut text = String::new();
            match method {
                0 => text.push_str(std::str::from_utf8(packed).expect("text")),
                _ => drop(DeflateDecoder::new(packed).read_to_string(&mut text).expect("deflated text")),
            }
            found.push((name, text));
        }
        entry = name_end + u16(entry + 30) + u16(entry + 32);
    }
    found
}
