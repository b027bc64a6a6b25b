//! `usher connector listen`: a person is the language engine.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _, Read as _},
    thread,
};

use clap::Args;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    DialArgs, Stop,
    client::{Client, Heard, told},
    show,
};
use crate::{
    cli::{Exit, Terminal, runtime},
    config::Environment,
    nlp::connector::frames::{Failed, FromConnector, Leaving, Message, Reply, ToConnector, Typing},
};

const MAX_LINE_BYTES: u64 = 65_536;

#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    #[command(flatten)]
    dial: DialArgs,
    /// Print and read frames as JSON, one a line; what is typed is sent as it is
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
What you type answers the oldest open turn:
  TEXT                    says it, as the final reply
  /part TEXT              says it, and more follows
  /typing                 shows that you write
  /action NAME [JSON]     asks for an action, with parameters
  /not-understood TEXT    says it, and that you did not understand
  /person [TEXT]          wants a person
  /end [TEXT]             ends the conversation
  /fail [DETAIL]          says that you failed
  /turn ID                answers this turn next, in place of the oldest
  /leave                  takes no further turns and goes when all are answered
  /quit";

pub(super) fn run(args: &ListenArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Stop> {
    let token = args.dial.token(environment).map_err(Stop::Usage)?;
    runtime(1)?.block_on(async {
        let (client, welcome) = Client::attach(&args.dial, &token, None).await?;
        let welcome = ToConnector::Welcome(welcome).text();
        let shown = if args.json { welcome } else { show::to_connector(&welcome) };
        writeln!(terminal.out, "{shown}")?;
        let mut desk = Desk { client, open: VecDeque::new(), json: args.json };
        let close = desk.run(&mut typed(), terminal).await?;
        match close {
            Some(close) => writeln!(terminal.err, "closed: {}", told(close.as_ref()))?,
            None => desk.client.close().await,
        }
        Ok(Exit::Done)
    })
}

/// Lines from standard input, read on a thread of its own, as reading waits for a person. It ends with the process.
fn typed() -> mpsc::Receiver<String> {
    let (lines, typed) = mpsc::channel(16);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = input.by_ref().take(MAX_LINE_BYTES).read_line(&mut line);
            if read.is_err() || line.is_empty() || lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

struct Desk {
    client: Client,
    /// Turns that wait for an answer, the oldest first.
    open: VecDeque<String>,
    json: bool,
}

/// What a line means.
enum Typed {
    Send(FromConnector),
    Next(String),
    Told(String),
    Quit,
}

impl Desk {
    /// `None`: we want to go.
    async fn run(
        &mut self,
        typed: &mut mpsc::Receiver<String>,
        terminal: &mut Terminal<'_>,
    ) -> io::Result<Option<Option<(u16, String)>>> {
        let mut reads = true;
        loop {
            tokio::select! {
                heard = self.client.next() => match heard {
                    Heard::Text(text) => self.on_frame(&text, terminal)?,
                    Heard::Closed(close) => return Ok(Some(close)),
                },
                line = typed.recv(), if reads => match line {
                    Some(line) => if self.on_line(line.trim(), terminal).await? { return Ok(None) },
                    // The end of a script is not the end of the conversation.
                    None => reads = false,
                },
            }
        }
    }

    fn on_frame(&mut self, text: &str, terminal: &mut Terminal<'_>) -> io::Result<()> {
        match ToConnector::read(text) {
            Ok(Some(ToConnector::Turn(turn))) => self.open.push_back(turn.turn_id),
            Ok(Some(ToConnector::Cancelled(it))) => self.open.retain(|open| *open != it.turn_id),
            Ok(_) | Err(_) => {}
        }
        if self.json {
            writeln!(terminal.out, "{text}")
        } else {
            writeln!(terminal.out, "{}", show::to_connector(text))
        }
    }

    /// Says whether that is all.
    async fn on_line(&mut self, line: &str, terminal: &mut Terminal<'_>) -> io::Result<bool> {
        if line.is_empty() {
            return Ok(false);
        }
        if self.json {
            // Bad frames, too: to see what they lead to.
            return Ok(self.client.send(line.to_owned()).await.is_err());
        }
        match read(line, self.open.front()) {
            Typed::Quit => return Ok(true),
            Typed::Told(text) => writeln!(terminal.err, "{text}")?,
            Typed::Next(turn) => {
                self.open.retain(|it| *it != turn);
                self.open.push_front(turn);
            }
            Typed::Send(frame) => {
                let ends = match &frame {
                    FromConnector::Reply(reply) => reply.is_final(),
                    FromConnector::Failed(_) => true,
                    FromConnector::Hello(_)
                    | FromConnector::Typing(_)
                    | FromConnector::Leaving(_)
                    | FromConnector::Ping(_) => false,
                };
                if ends {
                    self.open.pop_front();
                }
                return Ok(self.client.send(frame.text()).await.is_err());
            }
        }
        Ok(false)
    }
}

fn read(line: &str, turn: Option<&String>) -> Typed {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "/help" => return Typed::Told(HELP.to_owned()),
        "/quit" => return Typed::Quit,
        "/leave" => return Typed::Send(FromConnector::Leaving(Leaving::default())),
        "/turn" => return Typed::Next(rest.to_owned()),
        _ => {}
    }
    let Some(turn_id) = turn.cloned() else { return Typed::Told("no turn waits for an answer".to_owned()) };
    let messages = if rest.is_empty() { Vec::new() } else { vec![Message::Text(rest.to_owned())] };
    let reply = Reply { turn_id: turn_id.clone(), messages, ..Reply::default() };
    let reply = match word {
        "/typing" => return Typed::Send(FromConnector::Typing(Typing { turn_id, ..Typing::default() })),
        "/fail" => {
            let detail = (!rest.is_empty()).then(|| rest.to_owned());
            return Typed::Send(FromConnector::Failed(Failed { turn_id, detail, ..Failed::default() }));
        }
        "/part" => Reply { is_final: Some(false), ..reply },
        "/not-understood" => Reply { not_understood: Some(true), ..reply },
        "/person" => Reply { live_agent: Some(true), ..reply },
        "/end" => Reply { end: Some(true), ..reply },
        "/action" => {
            let (name, parameters) = rest.split_once(' ').unwrap_or((rest, "{}"));
            let parameters = match serde_json::from_str(parameters) {
                Ok(Value::Object(parameters)) => parameters,
                Ok(_) => return Typed::Told("the parameters are no JSON object".to_owned()),
                Err(error) => return Typed::Told(format!("the parameters are no JSON: {error}")),
            };
            let action = Some(name.to_owned());
            Reply { messages: Vec::new(), action, parameters: Some(parameters), ..reply }
        }
        _ if word.starts_with('/') => return Typed::Told(format!("{word} is no command; /help lists them")),
        _ => Reply { messages: vec![Message::Text(line.to_owned())], ..reply },
    };
    let frame = FromConnector::Reply(Box::new(reply));
    // By the gateway's own rules, before it has to say so.
    match FromConnector::read(&frame.text()) {
        Ok(frame) => Typed::Send(frame),
        Err(bad) => Typed::Told(bad.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> String {
        match read(line, Some(&"t-1".to_owned())) {
            Typed::Send(frame) => frame.text(),
            Typed::Next(turn) => format!("next {turn}"),
            Typed::Told(text) => text,
            Typed::Quit => "quit".to_owned(),
        }
    }

    #[test]
    fn what_is_typed_becomes_frames() {
        let reply = |rest: &str| format!("{{\"type\":\"reply\",\"turn_id\":\"t-1\"{rest}}}");
        assert_eq!(sent("Hello you"), reply(",\"messages\":[{\"text\":\"Hello you\"}]"));
        assert_eq!(sent("/part A"), reply(",\"messages\":[{\"text\":\"A\"}],\"final\":false"));
        assert_eq!(sent("/person"), reply(",\"live_agent\":true"));
        assert_eq!(sent("/action go {\"a\": 1}"), reply(",\"action\":\"go\",\"parameters\":{\"a\":1}"));
        assert_eq!(sent("/typing"), "{\"type\":\"typing\",\"turn_id\":\"t-1\"}");
        assert_eq!(sent("/fail no"), "{\"type\":\"failed\",\"turn_id\":\"t-1\",\"detail\":\"no\"}");
        assert_eq!(sent("/turn t-9"), "next t-9");
        assert_eq!(sent("/dance"), "/dance is no command; /help lists them");
        assert!(sent("/part").contains("says something") && sent("/action").contains("is empty"));
        assert!(matches!(read("Hello", None), Typed::Told(_)));
    }
}
