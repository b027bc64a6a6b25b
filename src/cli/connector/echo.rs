//! `usher connector echo`: the smallest connector that does everything right, reconnecting included.

use std::{io, time::Duration};

use clap::Args;
use tokio::time::sleep;

use super::{
    DialArgs, Stop,
    client::{Client, Heard, told},
    show,
};
use crate::{
    cli::{Exit, Terminal, runtime},
    config::Environment,
    nlp::connector::frames::{FromConnector, Input, Message, Reply, ToConnector, Turn, Typing},
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct EchoArgs {
    #[command(flatten)]
    dial: DialArgs,
    /// Take this long for every answer, and show that we write meanwhile
    #[arg(long, value_name = "MS", default_value_t = 0)]
    delay_ms: u64,
    /// End when the socket does, rather than dial in again
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: &EchoArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Stop> {
    let token = args.dial.token(environment).map_err(Stop::Usage)?;
    runtime(1)?.block_on(async {
        let (mut session, mut pause) = (None, FIRST_PAUSE);
        loop {
            match Client::attach(&args.dial, &token, session.clone()).await {
                Ok((client, welcome)) => {
                    writeln!(terminal.out, "{}", show::to_connector(&ToConnector::Welcome(welcome.clone()).text()))?;
                    (session, pause) = (Some(welcome.session), FIRST_PAUSE);
                    let close = serve(client, args, terminal).await?;
                    writeln!(terminal.err, "closed: {}", told(close.as_ref()))?;
                    // Our own fault, or nothing that waiting mends.
                    let stay_away = matches!(close, Some((4001 | 4002 | 4004 | 4005, _)));
                    if args.once || stay_away {
                        return Ok(Exit::Done);
                    }
                }
                Err(error) if args.once || !error.again => return Err(error.into()),
                Err(error) => writeln!(terminal.err, "{}", error.message)?,
            }
            sleep(pause.mul_f64(0.75 + 0.5 * rand::random::<f64>())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    })
}

/// Answers turns until the socket is closed; says how it was.
async fn serve(mut client: Client, args: &EchoArgs, terminal: &mut Terminal<'_>) -> io::Result<Option<(u16, String)>> {
    loop {
        let text = match client.next().await {
            Heard::Text(text) => text,
            Heard::Closed(close) => return Ok(close),
        };
        writeln!(terminal.out, "{}", show::to_connector(&text))?;
        let Ok(Some(ToConnector::Turn(turn))) = ToConnector::read(&text) else { continue };
        let mut frames = vec![FromConnector::Reply(Box::new(echo(&turn)))];
        if args.delay_ms > 0 {
            let typing = Typing { turn_id: turn.turn_id.clone(), ..Typing::default() };
            frames.insert(0, FromConnector::Typing(typing));
        }
        for frame in frames {
            if matches!(frame, FromConnector::Reply(_)) {
                sleep(Duration::from_millis(args.delay_ms)).await;
            }
            if client.send(frame.text()).await.is_err() {
                // What closed it is still to be read.
                break;
            }
        }
    }
}

fn echo(turn: &Turn) -> Reply {
    let text = match &turn.question.input {
        Input::Text(text) => text.clone(),
        Input::Event { name, .. } => format!("event {name}"),
        Input::Structured(form) => serde_json::Value::Object(form.clone()).to_string(),
        Input::Dtmf(keys) => format!("keys {keys}"),
    };
    Reply { turn_id: turn.turn_id.clone(), messages: vec![Message::Text(text)], ..Reply::default() }
}
