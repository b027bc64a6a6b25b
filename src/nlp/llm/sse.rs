//! Server-sent events, as servers of chat completions write them: `data:` lines, comments, any line end, cut anywhere.
//!
//! Two habits of theirs beyond the standard are taken as meant: an event may end with the stream instead of a blank line
//! (`data: [DONE]` of llama.cpp), and a field `error` may stand where `data` should (llama.cpp before autumn 2025).

/// One event's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Data(String),
    Error(String),
}

/// An event that is no UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoText;

/// Memory is bounded by whoever feeds it: it keeps no more than it was given.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    data: Option<Vec<u8>>,
    is_error: bool,
    past_start: bool,
}

impl Parser {
    /// The events that `bytes` completes, in order.
    ///
    /// # Errors
    /// When one is no text; what came before it is lost with it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, NoText> {
        let mut events = Vec::new();
        for &byte in bytes {
            let continues_crlf = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if continues_crlf => {}
                b'\r' | b'\n' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line)?);
                }
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    /// The stream is over: what is left may be an event.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub(super) fn finish(mut self) -> Result<Option<Event>, NoText> {
        let line = std::mem::take(&mut self.line);
        if let Some(event) = self.end_line(&line)? {
            return Ok(Some(event));
        }
        self.dispatch()
    }

    fn end_line(&mut self, line: &[u8]) -> Result<Option<Event>, NoText> {
        let line = if std::mem::replace(&mut self.past_start, true) {
            line
        } else {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        };
        if line.is_empty() {
            return self.dispatch();
        }
        let colon = line.iter().position(|it| *it == b':').unwrap_or(line.len());
        let (name, rest) = line.split_at(colon);
        let value = rest.strip_prefix(b":").unwrap_or(rest);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" | b"error" => {
                self.is_error |= name == b"error";
                match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    None => self.data = Some(value.to_vec()),
                }
            }
            // Comments have no name; `event`, `id` and `retry` tell nothing that the data does not.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Result<Option<Event>, NoText> {
        let is_error = std::mem::take(&mut self.is_error);
        let Some(data) = self.data.take() else { return Ok(None) };
        let text = String::from_utf8(data).map_err(|_undecodable| NoText)?;
        Ok(match (text.trim().is_empty(), is_error) {
            (true, _) => None,
            (false, true) => Some(Event::Error(text)),
            (false, false) => Some(Event::Data(text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, NoText> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for chunk in chunks {
            events.extend(parser.feed(chunk)?);
        }
        events.extend(parser.finish()?);
        Ok(events)
    }

    fn data(texts: &[&str]) -> Result<Vec<Event>, NoText> {
        Ok(texts.iter().map(|&it| Event::Data(it.to_owned())).collect())
    }

    #[test]
    fn events_end_at_blank_lines_whatever_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["data: {\"a\":1}", "", ": ping", "", "data:two", "event: x", "id: 7", "data: lines", "", ""];
            let text = text.join(end);
            assert_eq!(parse([text.as_bytes()]), data(&["{\"a\":1}", "two\nlines"]), "{end:?}");
        }
    }

    #[test]
    fn what_servers_do_beyond_the_standard() {
        assert_eq!(parse([b"data: x\n\ndata: [DONE]".as_slice()]), data(&["x", "[DONE]"]), "no blank line at the end");
        assert_eq!(parse([b"data: x\n\ndata: [DONE]\n".as_slice()]), data(&["x", "[DONE]"]));
        let error = parse([b"error: {\"code\":400}\n\ndata: [DONE]\n\n".as_slice()]).unwrap();
        assert_eq!(error, [Event::Error("{\"code\":400}".to_owned()), Event::Data("[DONE]".to_owned())]);
        assert_eq!(parse(["\u{feff}data: x\n\ndata:\n\n\n\n".as_bytes()]), data(&["x"]), "a mark, and empty events");
    }

    #[test]
    fn an_event_that_is_no_text_is_refused() {
        assert_eq!(parse([b"data: \xff\n\n".as_slice()]), Err(NoText));
        assert_eq!(parse([b": \xff\n\ndata: x\n\n".as_slice()]), data(&["x"]), "a comment may be anything");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_the_same_wherever_they_are_cut(
            bytes in proptest::collection::vec(
                prop_oneof![3 => proptest::sample::select(b"data: \r\n:e\xC3\xA4".to_vec()), 1 => any::<u8>()],
                0..200,
            ),
            size in 1_usize..9,
        ) {
            prop_assert_eq!(parse(bytes.chunks(size)), parse([bytes.as_slice()]));
        }
    }
}
