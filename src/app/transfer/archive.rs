//! A configuration's files in one zip. What comes in is bounded, and its names lead nowhere else.

use std::io::{Cursor, Read as _, Write as _};

use crate::{
    config::{FILE, PROFILES},
    core::said::{Said, said},
    manager::ports::Files,
};

/// Of one archive.
const MAX_FILES: usize = 2_000;
const MAX_BYTES: u64 = 8 << 20;

/// # Errors
/// When there are more files than a zip holds.
pub(in crate::app) fn pack(files: &Files) -> Result<Vec<u8>, Said> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in files {
        archive.start_file(name.as_str(), options).map_err(|error| Said::foreign(error.to_string()))?;
        archive.write_all(text.as_bytes()).map_err(|error| Said::foreign(error.to_string()))?;
    }
    Ok(archive.finish().map_err(|error| Said::foreign(error.to_string()))?.into_inner())
}

/// A zip with `usher.toml` and `profiles/NAME.toml`, at its root or in one folder; or one text: an `usher.toml`.
///
/// # Errors
/// Says what is wrong with it, and how to mend it.
pub(in crate::app) fn unpack(bytes: &[u8]) -> Result<Files, Said> {
    if !bytes.starts_with(b"PK") {
        let text = std::str::from_utf8(bytes).map_err(|_binary| said!("this is neither a zip nor a text in UTF-8"))?;
        return Ok(Files::from([(FILE.to_owned(), text.replace("\r\n", "\n"))]));
    }
    let broken = |error: zip::result::ZipError| said!("this zip cannot be read ({}): make it again", error);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > MAX_FILES {
        return Err(said!("this zip has more than {} entries", MAX_FILES));
    }
    let mut found: Vec<(String, String)> = Vec::new();
    let mut room = MAX_BYTES;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        if entry.is_dir() {
            continue;
        }
        if name.contains('\\') || name.starts_with('/') || name.split('/').any(|it| matches!(it, "" | "." | "..")) {
            return Err(said!("`{}` is no name of a file in this zip: it may not lead out of it", name));
        }
        // What an entry says of its size is not believed.
        let mut bytes = Vec::new();
        let read = entry.by_ref().take(room + 1).read_to_end(&mut bytes);
        let read = read.map_err(|error| said!("`{}` cannot be unpacked ({}): make the zip again", name, error))? as u64;
        room = room.checked_sub(read).ok_or_else(|| said!("this zip holds more than {} bytes", MAX_BYTES))?;
        let text = String::from_utf8(bytes).map_err(|_binary| said!("`{}` is no text in UTF-8", name))?;
        found.push((name, text.replace("\r\n", "\n")));
    }
    // Some programs put everything into a folder of the archive's name.
    let folder = found.iter().find_map(|(name, _)| name.strip_suffix(FILE)).unwrap_or_default().to_owned();
    let mut files = Files::new();
    for (name, text) in found {
        let plain = name.strip_prefix(&folder).unwrap_or(&name);
        let is_profile = plain
            .strip_prefix(PROFILES)
            .and_then(|it| it.strip_prefix('/'))
            .is_some_and(|it| !it.contains('/') && it.ends_with(".toml"));
        if plain != FILE && !is_profile {
            return Err(said!(
                "`{}` is no part of a configuration: there are `{}` and `{}/NAME.toml`",
                name,
                FILE,
                PROFILES
            ));
        }
        if files.insert(plain.to_owned(), text).is_some() {
            return Err(said!("`{}` is there twice", name));
        }
    }
    if !files.contains_key(FILE) {
        return Err(said!("there is no `{}` in it: export a configuration to see how it looks", FILE));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_is_packed_is_unpacked_from_a_folder_too() {
        let all = files(&[("usher.toml", "a"), ("profiles/b.toml", "ü")]);
        assert_eq!(unpack(&pack(&all).unwrap()), Ok(all.clone()));
        let inside = files(&[("conf-1/usher.toml", "a"), ("conf-1/profiles/b.toml", "ü")]);
        assert_eq!(unpack(&pack(&inside).unwrap()), Ok(all));
        assert_eq!(unpack(b"drain_s = 1\r\n"), Ok(files(&[("usher.toml", "drain_s = 1\n")])));
        assert_eq!(pack(&inside), pack(&inside), "the same bytes every time");
    }

    #[test]
    fn what_leads_elsewhere_or_is_too_much_is_refused() {
        for name in
            ["../usher.toml", "/etc/usher.toml", "a/../../b.toml", "profiles\\b.toml", "profiles/a/b.toml", "x.sh"]
        {
            let told = unpack(&pack(&files(&[("usher.toml", ""), (name, "x")])).unwrap());
            assert!(told.as_ref().is_err_and(|it| it.to_string().contains(name)), "{name}: {told:?}");
        }
        let large = "x".repeat(9 << 20);
        assert!(unpack(&pack(&files(&[("usher.toml", &large)])).unwrap()).unwrap_err().to_string().contains("bytes"));
        assert!(unpack(b"PK\x03\x04broken").unwrap_err().to_string().contains("cannot be read"));
        assert!(unpack(&[0xff, 0xfe]).unwrap_err().to_string().contains("neither"));
        assert!(
            unpack(&pack(&files(&[("profiles/a.toml", "")])).unwrap()).unwrap_err().to_string().contains("usher.toml")
        );
    }
}
