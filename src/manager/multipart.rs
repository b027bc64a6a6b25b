//! Forms that bring files (RFC 7578), as browsers send them.

use crate::core::hex;

/// The part of a header's value that divides the body; `None`: it is no such form.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split(';').find_map(|it| it.trim().strip_prefix("boundary="))?.trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// Fields with their values; a file's is its bytes in hexadecimal digits, as nothing says that it is text. `None`: it is cut off,
/// or has more than `most` of them.
pub(super) fn read(body: &[u8], boundary: &str, most: usize) -> Option<Vec<(String, String)>> {
    let divider = format!("--{boundary}");
    let mut rest = body.get(find(body, divider.as_bytes())? + divider.len()..)?;
    let mut fields = Vec::new();
    let next = format!("\r\n{divider}");
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(rest.get(..end)?).ok()?;
        rest = rest.get(end + 4..)?;
        let end = find(rest, next.as_bytes())?;
        let value = rest.get(..end)?;
        rest = rest.get(end + next.len()..)?;
        let (name, is_file) = disposition(head)?;
        if fields.len() == most {
            return None;
        }
        fields.push((name, if is_file { hex::encode(value) } else { String::from_utf8(value.to_vec()).ok()? }));
    }
}

fn disposition(head: &str) -> Option<(String, bool)> {
    let is_it = |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
    let line = head.split("\r\n").find(is_it)?;
    let parameter = |key: &str| {
        let (_, rest) = line.split_once(&format!(" {key}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    Some((parameter("name")?, parameter("filename").is_some()))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|it| it == what)
}

/// The bytes of a file's field.
pub(super) fn file(field: &str) -> Option<Vec<u8>> {
    hex::decode(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--xx\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--xx\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\nContent-Type: application/zip\r\n\r\n\
        PK\x03\x00\r\n\xff\r\n--xx--\r\n";

    #[test]
    fn fields_and_files_arrive_as_they_were_sent() {
        let kind = "multipart/form-data; charset=x; boundary=\"xx\"";
        let boundary = boundary(kind).unwrap();
        let fields = read(BODY, boundary, 10).unwrap();
        assert_eq!(fields[0], ("csrf".to_owned(), "abc".to_owned()));
        assert_eq!(
            (fields[1].0.as_str(), file(&fields[1].1).unwrap().as_slice()),
            ("file", &b"PK\x03\x00\r\n\xff"[..])
        );
    }

    #[test]
    fn what_is_cut_off_or_too_much_is_no_form() {
        for end in 0..BODY.len() - 6 {
            assert_eq!(read(&BODY[..end], "xx", 10), None, "cut at {end}");
        }
        assert_eq!(read(BODY, "xx", 1), None);
        assert_eq!(read(BODY, "yy", 10), None);
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }
}
