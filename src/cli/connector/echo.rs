//! `usher connector echo`: the smallest connector that does everything right, reconnecting included.

use std::{collections::VecDeque, io, time::Duration};

use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    DialArgs, Stop,
    client::{Client, Heard, told},
    show,
};
use crate::{
    cli::{Exit, Terminal, runtime},
    clock::Clock,
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
    let delay = Duration::from_millis(args.delay_ms);
    // Those that are to be answered, and when.
    let mut open: VecDeque<(Instant, Box<Turn>)> = VecDeque::new();
    loop {
        let text = tokio::select! {
            heard = client.next() => match heard {
                Heard::Text(text) => text,
                Heard::Closed(close) => return Ok(close),
            },
            Some(turn) = next_due(&mut open) => {
                send(&mut client, &FromConnector::Reply(Box::new(echo(&turn)))).await;
                continue;
            }
        };
        writeln!(terminal.out, "{}", show::to_connector(&text))?;
        match ToConnector::read(&text) {
            Ok(Some(ToConnector::Turn(turn))) => {
                if args.delay_ms > 0 {
                    let typing = Typing { turn_id: turn.turn_id.clone(), ..Typing::default() };
                    send(&mut client, &FromConnector::Typing(typing)).await;
                }
                open.push_back((Clock::instant() + delay, turn));
            }
            Ok(Some(ToConnector::Cancelled(gone))) => open.retain(|(_, turn)| turn.turn_id != gone.turn_id),
            Ok(_) | Err(_) => {}
        }
    }
}

/// The turn whose time has come; `None`: there is none to wait for. Takes nothing if it is given up before.
async fn next_due(open: &mut VecDeque<(Instant, Box<Turn>)>) -> Option<Box<Turn>> {
    sleep_until(open.front()?.0).await;
    open.pop_front().map(|(_, turn)| turn)
}

/// What closed a socket that takes nothing is still to be read.
async fn send(client: &mut Client, frame: &FromConnector) {
    drop(client.send(frame.text()).await);
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
