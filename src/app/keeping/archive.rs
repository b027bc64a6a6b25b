//! A backup as a file: a plain tar archive (POSIX ustar) of a manifest, the database, and the master key where it is wanted.
//!
//! What is in it can be looked at with any tool; what it must come to is in the manifest.

use std::{
    fs::File,
    io::{self, Read, Write},
};

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::why::{OrSaid as _, because};
use crate::{
    core::{hex, said::said},
    gateway::storage::Holdings,
};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const DATABASE: &str = "usher.db";
pub(super) const KEY: &str = crate::seal::KEY_FILE;

/// Of the archive's form.
const FORMAT: u32 = 1;
const BLOCK: usize = 512;
const MAX_MANIFEST_BYTES: u64 = 64 * 1024;
const MAX_KEY_BYTES: u64 = 1024;
const CHUNK: usize = 64 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version that made it.
    pub usher: String,
    pub made_at: jiff::Timestamp,
    /// Of the database.
    pub schema: usize,
    /// Tells the master key that it is sealed under, and nothing of it; none: nothing was sealed yet.
    pub key: Option<String>,
    pub with_key: bool,
    pub database: Sum,
    pub holds: Holdings,
}

/// A file's length and what it must come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub bytes: u64,
    pub sha256: String,
}

impl Sum {
    /// Of all that can be read.
    pub(super) fn of(from: &mut dyn Read) -> io::Result<Self> {
        let mut summed = Summed::default();
        io::copy(from, &mut summed)?;
        Ok(summed.done())
    }
}

/// Sums up what is written into it.
#[derive(Default)]
struct Summed {
    bytes: u64,
    sha256: Sha256,
}

impl Summed {
    fn done(self) -> Sum {
        Sum { bytes: self.bytes, sha256: hex::encode(&self.sha256.finalize()) }
    }
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sha256.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A backup that is ready to be written: before the database, the database, behind it.
#[derive(Debug)]
pub struct Packed {
    pub manifest: Manifest,
    head: Vec<u8>,
    database: File,
    tail: Zeroizing<Vec<u8>>,
}

impl Packed {
    /// `key`: as its file says it.
    pub(super) fn new(manifest: Manifest, database: File, key: Option<&str>) -> anyhow::Result<Self> {
        let seconds = manifest.made_at.as_second().unsigned_abs();
        let text = serde_json::to_vec_pretty(&manifest)?;
        let mut head = header(MANIFEST, text.len() as u64, seconds).to_vec();
        head.extend_from_slice(&text);
        pad(&mut head, text.len() as u64);
        head.extend_from_slice(&header(DATABASE, manifest.database.bytes, seconds));
        let mut tail = Zeroizing::new(Vec::new());
        pad(&mut tail, manifest.database.bytes);
        if let Some(key) = key {
            tail.extend_from_slice(&header(KEY, key.len() as u64, seconds));
            tail.extend_from_slice(key.as_bytes());
            pad(&mut tail, key.len() as u64);
        }
        // Two empty blocks are the end.
        tail.extend_from_slice(&[0; 2 * BLOCK]);
        Ok(Self { manifest, head, database, tail })
    }

    /// How long the archive is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.head.len() as u64 + self.manifest.database.bytes + self.tail.len() as u64
    }

    /// Its three parts, one after the other.
    pub fn into_parts(self) -> (Vec<u8>, File, Zeroizing<Vec<u8>>) {
        (self.head, self.database, self.tail)
    }

    /// # Errors
    /// When it cannot be written, or the database cannot be read.
    pub fn write_to(self, out: &mut dyn Write) -> io::Result<()> {
        let Self { manifest, head, database, tail } = self;
        out.write_all(&head)?;
        let copied = io::copy(&mut database.take(manifest.database.bytes), out)?;
        if copied != manifest.database.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        out.write_all(&tail)
    }
}

/// What an archive held.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) manifest: Manifest,
    /// As its file said it.
    pub(super) key: Option<Zeroizing<String>>,
}

/// The manifest alone.
pub(super) fn manifest(archive: &mut dyn Read) -> anyhow::Result<Manifest> {
    let (name, bytes) = member(archive)?.ok_or_else(|| because(said!("the file is empty")))?;
    ensure!(name == MANIFEST, said!("it does not begin with a manifest"));
    let text = small(archive, bytes, MAX_MANIFEST_BYTES)?;
    let format: Format = serde_json::from_slice(&text).or_said(|| said!("its manifest cannot be read"))?;
    ensure!(
        format.format == FORMAT,
        said!(
            "its format is {}, but this version of usher knows {}: restore it with the version that made it",
            format.format,
            FORMAT
        )
    );
    serde_json::from_slice(&text).or_said(|| said!("its manifest cannot be read"))
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Reads all of an archive; the database goes into `database`, and is what the manifest says or an error.
pub(super) fn unpack(archive: &mut dyn Read, database: &mut dyn Write) -> anyhow::Result<Unpacked> {
    let manifest = manifest(archive)?;
    let (name, bytes) = member(archive)?.ok_or_else(|| because(said!("it ends after its manifest")))?;
    ensure!(name == DATABASE, said!("no database follows its manifest"));
    ensure!(bytes == manifest.database.bytes, said!("its database has another length than the manifest says"));
    let mut summed = Summed::default();
    let mut left = bytes;
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let got = archive.read(chunk.get_mut(..most).unwrap_or_default()).or_said(|| said!("it cannot be read"))?;
        ensure!(got > 0, said!("it is cut off: {} bytes of its database are missing", left));
        let got = chunk.get(..got).unwrap_or_default();
        summed.write_all(got)?;
        database.write_all(got).or_said(|| said!("its database cannot be written here"))?;
        left -= got.len() as u64;
    }
    ensure!(
        summed.done() == manifest.database,
        said!("its database is not what the manifest says: the file is damaged")
    );
    skip_padding(archive, bytes)?;
    let key = match member(archive)? {
        None => None,
        Some((name, bytes)) if name == KEY => {
            let text = Zeroizing::new(small(archive, bytes, MAX_KEY_BYTES)?);
            Some(Zeroizing::new(std::str::from_utf8(&text).or_said(|| said!("its master key is no text"))?.to_owned()))
        }
        Some((name, _)) => bail!(said!("it holds `{}`, which no backup does", name)),
    };
    ensure!(key.is_some() == manifest.with_key, said!("its master key is missing: the file is cut off or was changed"));
    Ok(Unpacked { manifest, key })
}

fn small(archive: &mut dyn Read, bytes: u64, most: u64) -> anyhow::Result<Vec<u8>> {
    ensure!(bytes <= most, said!("a part of it is larger than it may be"));
    let mut text = vec![0; usize::try_from(bytes)?];
    archive.read_exact(&mut text).or_said(|| said!("it is cut off"))?;
    skip_padding(archive, bytes)?;
    Ok(text)
}

fn skip_padding(archive: &mut dyn Read, bytes: u64) -> anyhow::Result<()> {
    let mut rest = [0; BLOCK];
    let rest = rest.get_mut(..padding(bytes)).unwrap_or_default();
    archive.read_exact(rest).or_said(|| said!("it is cut off"))
}

/// The next file's name and length; `None`: the end.
fn member(archive: &mut dyn Read) -> anyhow::Result<Option<(String, u64)>> {
    let mut block = [0; BLOCK];
    archive.read_exact(&mut block).or_said(|| said!("it is cut off, or no backup of usher's"))?;
    if block.iter().all(|it| *it == 0) {
        // Two of them are the end.
        archive.read_exact(&mut block).or_said(|| said!("it is cut off"))?;
        return Ok(None);
    }
    let field = |from: usize, length: usize| block.get(from..from + length).unwrap_or_default();
    let plain = |bytes: &[u8]| {
        let end = bytes.iter().position(|it| *it == 0).unwrap_or(bytes.len());
        bytes.get(..end).and_then(|it| std::str::from_utf8(it).ok()).map(|it| it.trim().to_owned())
    };
    ensure!(field(257, 5) == b"ustar", said!("it is no backup of usher's"));
    let stated = plain(field(148, 8)).and_then(|it| u64::from_str_radix(&it, 8).ok());
    ensure!(stated == Some(checksum(&block)), said!("a header in it is damaged"));
    let name = plain(field(0, 100)).ok_or_else(|| because(said!("a name in it is no text")))?;
    let bytes = match field(124, 12) {
        // Eight gigabytes and more are written in binary.
        [0x80, 0, 0, 0, rest @ ..] => u64::from_be_bytes(rest.try_into()?),
        octal => plain(octal)
            .and_then(|it| u64::from_str_radix(&it, 8).ok())
            .ok_or_else(|| because(said!("a length in it is no number")))?,
    };
    Ok(Some((name, bytes)))
}

fn header(name: &str, bytes: u64, seconds: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(text) {
            *to = *from;
        }
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if bytes < 1 << 33 {
        put(124, format!("{bytes:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &bytes.to_be_bytes());
    }
    put(136, format!("{seconds:011o}\0").as_bytes());
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum = format!("{:06o}\0 ", checksum(&block));
    for (to, from) in block.iter_mut().skip(148).zip(sum.as_bytes()) {
        *to = *from;
    }
    block
}

/// Its own field counts as spaces.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let byte = |(at, it): (usize, &u8)| if (148..156).contains(&at) { u64::from(b' ') } else { u64::from(*it) };
    block.iter().enumerate().map(byte).sum()
}

fn padding(bytes: u64) -> usize {
    usize::try_from((BLOCK as u64 - bytes % BLOCK as u64) % BLOCK as u64).unwrap_or_default()
}

fn pad(out: &mut Vec<u8>, bytes: u64) {
    out.resize(out.len() + padding(bytes), 0);
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom};

    use super::*;
    use crate::app::keeping::why::is_full;

    fn packed(database: &[u8], key: Option<&str>) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(database).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let manifest = Manifest {
            format: FORMAT,
            usher: "0.1.0".to_owned(),
            made_at: jiff::Timestamp::UNIX_EPOCH,
            schema: 5,
            key: None,
            with_key: key.is_some(),
            database: Sum::of(&mut &*database).unwrap(),
            holds: Holdings::default(),
        };
        let packed = Packed::new(manifest, file, key).unwrap();
        let bytes = packed.bytes();
        let mut archive = Vec::new();
        packed.write_to(&mut archive).unwrap();
        assert_eq!(archive.len() as u64, bytes);
        archive
    }

    fn unpacked(mut archive: &[u8]) -> anyhow::Result<(Unpacked, Vec<u8>)> {
        let mut database = Vec::new();
        let unpacked = unpack(&mut archive, &mut database)?;
        Ok((unpacked, database))
    }

    #[test]
    fn what_is_packed_comes_back_with_and_without_a_key() {
        for length in [0, 1, 511, 512, 513, 200_000] {
            let database = vec![7; length];
            let (unpacked, found) = unpacked(&packed(&database, None)).unwrap();
            assert!(unpacked.key.is_none() && found == database);
        }
        let (unpacked, _) = unpacked(&packed(b"db", Some("abc\n"))).unwrap();
        assert_eq!(unpacked.key.unwrap().as_str(), "abc\n");
    }

    #[test]
    fn other_tools_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("b.tar"), packed(b"database", Some("abc\n"))).unwrap();
        let tar = |arguments: &[&str]| {
            std::process::Command::new("tar").args(arguments).current_dir(directory.path()).output().unwrap()
        };
        let listed = tar(&["tf", "b.tar"]);
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "manifest.json\nusher.db\nmaster.key\n");
        assert_eq!(tar(&["xOf", "b.tar", "usher.db"]).stdout, b"database");
    }

    #[test]
    fn what_is_cut_off_or_changed_is_told_and_never_taken() {
        let archive = packed(&[7; 2000], None);
        for length in [0, 100, 600, 1600, archive.len() - 1] {
            assert!(unpacked(&archive[..length]).is_err(), "{length}");
        }
        let at = archive.windows(4).position(|it| it == [7; 4]).unwrap();
        let mut changed = archive.clone();
        changed[at] ^= 1;
        let told = unpacked(&changed).unwrap_err().to_string();
        assert!(told.contains("damaged"), "{told}");
        let newer = String::from_utf8_lossy(&archive).replacen("\"format\": 1", "\"format\": 2", 1);
        let told = unpacked(newer.as_bytes()).unwrap_err().to_string();
        assert!(told.contains("its format is 2"), "{told}");
        assert!(unpacked(&[0x2a; 4096]).unwrap_err().to_string().contains("no backup"));
    }

    struct FullDisk;

    impl Write for FullDisk {
        fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_no_fault_of_the_archives() {
        let archive = packed(&[7; 2000], None);
        let error = unpack(&mut archive.as_slice(), &mut FullDisk).unwrap_err();
        assert!(is_full(&error), "{error}");
        assert!(error.to_string().starts_with("its database cannot be written here: "), "{error}");
        assert!(!is_full(&unpacked(&archive[..1600]).unwrap_err()));
    }

    #[test]
    fn lengths_beyond_eight_gigabytes_are_kept() {
        for bytes in [0, 1, (1 << 33) - 1, 1 << 33, 1 << 40] {
            let block = header("usher.db", bytes, 0);
            assert_eq!(member(&mut block.as_slice()).unwrap(), Some(("usher.db".to_owned(), bytes)));
        }
    }
}
