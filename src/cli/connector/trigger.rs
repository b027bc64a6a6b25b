//! `usher connector trigger`: a stand-in for the gateway, for a connector that is being written.

use std::{io, net::SocketAddr, time::Duration};

use clap::{ArgGroup, Args, ValueEnum};
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::timeout;

use super::{Stop, show};
use crate::{
    app::{self, Overheard, Trial},
    cli::{Exit, Terminal, runtime},
    core::{
        contact::EndReason,
        ids::{ContactId, ContactName, UnitName},
        message::{Input, MediaType, Parameters},
        step::Step,
    },
    gateway::ports::Ask,
    nlp::connector::{
        Direction,
        frames::{Code, ToConnector},
    },
};

/// For what follows the last answer, such as an error of its frame.
const AFTERMATH: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("input").required(true).multiple(true))]
pub(super) struct TriggerArgs {
    /// Where your connector dials in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7402")]
    listen: SocketAddr,
    /// The token that it has to present
    #[arg(long, value_name = "TOKEN", default_value = "trial")]
    token: String,
    /// Begin with this event
    #[arg(long, value_name = "NAME", group = "input")]
    event: Option<String>,
    /// The event's parameters, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object, requires = "event")]
    event_parameters: Option<Parameters>,
    /// Then say this; may be given several times, each is a turn
    #[arg(long, value_name = "TEXT", group = "input")]
    text: Vec<String>,
    /// Then send this form or click, a JSON object
    #[arg(long, value_name = "JSON", value_parser = object, group = "input")]
    structured: Option<Parameters>,
    /// Then press these keys
    #[arg(long, value_name = "KEYS", group = "input")]
    dtmf: Option<String>,
    /// The turns' parameters (attributes of the contact), a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    parameters: Option<Parameters>,
    #[arg(long, value_name = "NAME", default_value = "c-1")]
    contact: String,
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
    #[arg(long, default_value = "webinteraction")]
    media: MediaArg,
    /// How long your connector has for each turn
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    deadline_ms: u64,
    /// How long to wait for your connector to dial in [default: as long as it takes]
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    /// Print frames as JSON, one a line, with `<` before those of the connector and `>` before ours
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MediaArg {
    Webinteraction,
    Openmedia,
    Speech,
}

fn object(text: &str) -> Result<Parameters, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("it must be a JSON object: {\"name\": \"value\"}".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl TriggerArgs {
    fn inputs(&self) -> Vec<Input> {
        let parameters = self.event_parameters.clone().unwrap_or_default();
        let event = self.event.clone().map(|name| Input::Event { name, parameters });
        let texts = self.text.iter().cloned().map(Input::Text);
        let structured = self.structured.clone().map(Input::Structured);
        event.into_iter().chain(texts).chain(structured).chain(self.dtmf.clone().map(Input::Dtmf)).collect()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the command's own arguments, as every command takes them")]
pub(super) fn run(args: TriggerArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Stop> {
    let name = ContactName::new(&args.contact).map_err(|reason| Stop::Usage(format!("the contact's name {reason}")))?;
    let unit = UnitName::new("TRIAL").map_err(io::Error::other)?;
    let contact = ContactId { unit, name };
    // A worker of its own, so that the door answers while we print.
    runtime(2)?.block_on(async {
        let deadline = Duration::from_millis(args.deadline_ms);
        let trial = Trial::open(args.listen, &SecretString::from(args.token.as_str()), deadline).await;
        let mut trial = trial.map_err(|error| match error.downcast_ref::<app::CannotConnect>() {
            Some(cannot) => Stop::CannotConnect(format!("{cannot}: {}", cannot.source)),
            None => Stop::CannotConnect(format!("{error:#}")),
        })?;
        writeln!(
            terminal.err,
            "waiting for your connector at ws://{}/connectors/v1 with the token `{}`",
            trial.address, args.token
        )?;
        let mut watch = Watch { json: args.json, frames: 0, mistakes: 0, welcomed: false };
        let welcomed = watch.until_welcomed(&mut trial, terminal);
        match args.wait {
            Some(seconds) => match timeout(Duration::from_secs(seconds), welcomed).await {
                Ok(welcomed) => welcomed?,
                Err(_elapsed) => {
                    return Err(Stop::CannotConnect(format!("no connector dialled in within {seconds} s")));
                }
            },
            None => welcomed.await?,
        }
        let unanswered = watch.talk(&args, &contact, &mut trial, terminal).await?;
        trial.engine.on_step(&contact, &Step::Ended { reason: EndReason::Completed, with_person: false });
        watch.drain(&mut trial, terminal).await?;
        trial.close().await.map_err(io::Error::other)?;
        watch.verdict(unanswered, terminal)
    })
}

/// What is seen of the socket.
struct Watch {
    json: bool,
    frames: usize,
    mistakes: usize,
    welcomed: bool,
}

impl Watch {
    async fn until_welcomed(&mut self, trial: &mut Trial, terminal: &mut Terminal<'_>) -> io::Result<()> {
        while !self.welcomed {
            let Some(frame) = trial.frames.recv().await else { break };
            self.see(&frame, terminal)?;
        }
        Ok(())
    }

    /// Turn after turn. Says how many had no good answer.
    async fn talk(
        &mut self,
        args: &TriggerArgs,
        contact: &ContactId,
        trial: &mut Trial,
        terminal: &mut Terminal<'_>,
    ) -> io::Result<usize> {
        let media = match args.media {
            MediaArg::Webinteraction => MediaType::WebInteraction,
            MediaArg::Openmedia => MediaType::OpenMedia,
            MediaArg::Speech => MediaType::Speech,
        };
        let mut unanswered = 0;
        for input in args.inputs() {
            let payload = args.parameters.clone().unwrap_or_default();
            let ask = Ask { media, payload, ..Ask::new(contact.clone(), input, args.language.clone()) };
            let mut answer = trial.engine.ask(ask);
            let answered = loop {
                tokio::select! {
                    biased;
                    Some(frame) = trial.frames.recv() => self.see(&frame, terminal)?,
                    answered = &mut answer => break answered,
                }
            };
            drop(answer);
            self.drain(trial, terminal).await?;
            if let Err(error) = answered {
                unanswered += 1;
                writeln!(terminal.err, "no answer ({}): {error}", error.kind.label())?;
            }
        }
        Ok(unanswered)
    }

    /// Everything that is on its way.
    async fn drain(&mut self, trial: &mut Trial, terminal: &mut Terminal<'_>) -> io::Result<()> {
        while let Ok(Some(frame)) = timeout(AFTERMATH, trial.frames.recv()).await {
            self.see(&frame, terminal)?;
        }
        Ok(())
    }

    fn see(&mut self, frame: &Overheard, terminal: &mut Terminal<'_>) -> io::Result<()> {
        let (sign, shown) = match frame.direction {
            Direction::FromConnector => {
                self.frames += 1;
                ("<", show::from_connector(&frame.text))
            }
            Direction::ToConnector => (">", show::to_connector(&frame.text)),
        };
        match ToConnector::read(&frame.text) {
            Ok(Some(ToConnector::Welcome(_))) if sign == ">" => self.welcomed = true,
            Ok(Some(ToConnector::Error(error))) if sign == ">" && error.code != Code::UnknownTurn => self.mistakes += 1,
            Ok(_) | Err(_) => {}
        }
        writeln!(terminal.out, "{sign} {}", if self.json { &frame.text } else { &shown })
    }

    fn verdict(&self, unanswered: usize, terminal: &mut Terminal<'_>) -> Result<Exit, Stop> {
        let Self { frames, mistakes, .. } = self;
        if *mistakes == 0 && unanswered == 0 {
            writeln!(terminal.err, "good: {frames} frames, all by the contract")?;
            return Ok(Exit::Done);
        }
        writeln!(
            terminal.err,
            "bad: {mistakes} of {frames} frames break the contract, {unanswered} turns have no answer"
        )?;
        Ok(Exit::Failed)
    }
}
