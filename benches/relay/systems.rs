//! The systems under test, each started in the same way and driven through its natural edge.

use std::{
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    callgrind::{self, Counts},
    cpu::{Cores, Spent},
    driver::{Driver, Edge, Load},
    engine::Engine,
    peers,
    process::{Process, find_program, free_address},
    unary::Unary,
    usher::{self, Durability},
};

const START_PATIENCE: Duration = Duration::from_secs(15);
/// Contacts that take turns at speaking: more than are ever in flight.
pub(crate) const TALKING_CONTACTS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Direct,
    Nginx,
    Haproxy,
    UsherAsync,
    UsherSync,
}

impl System {
    pub(crate) const ALL: [Self; 5] = [Self::Direct, Self::Nginx, Self::Haproxy, Self::UsherAsync, Self::UsherSync];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::UsherAsync => "usher_async",
            Self::UsherSync => "usher_sync",
        }
    }

    /// The program that must be installed for it.
    pub(crate) fn needs(self) -> Option<&'static str> {
        match self {
            Self::Nginx => Some("nginx"),
            Self::Haproxy => Some("haproxy"),
            Self::Direct | Self::UsherAsync | Self::UsherSync => None,
        }
    }

    pub(crate) fn durability(self) -> Option<Durability> {
        match self {
            Self::UsherAsync => Some(Durability::Async),
            Self::UsherSync => Some(Durability::Sync),
            Self::Direct | Self::Nginx | Self::Haproxy => None,
        }
    }
}

/// Where and how systems are started.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    pub(crate) cores: Cores,
    pub(crate) driver: Driver,
}

/// A system that runs, and the way in.
pub(crate) struct Subject {
    pub(crate) system: System,
    pub(crate) edge: Box<dyn Edge>,
    /// `None`: the driver calls the fake itself.
    process: Option<Process>,
}

impl Subject {
    /// What the system has spent so far; for `direct` it is what driver and fake have.
    pub(crate) fn spent(&self) -> Spent {
        self.process.as_ref().map_or_else(Spent::by_this_process, |process| Spent::by_system(process.pid()))
    }

    pub(crate) async fn stop(self) -> Result<()> {
        drop(self.edge);
        match self.process {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }
}

impl Site {
    pub(crate) async fn start(&self, system: System) -> Result<Subject> {
        let process = self.start_process(system, None).await?;
        let edge = self.connect(system, process.as_ref(), START_PATIENCE).await?;
        Ok(Subject { system, edge, process })
    }

    async fn connect(&self, system: System, process: Option<&Process>, patience: Duration) -> Result<Box<dyn Edge>> {
        let address = process.map_or(self.driver.fake.address, |process| process.address);
        let meter = Rc::clone(&self.driver.meter);
        if system.durability().is_none() {
            return Ok(Box::new(Unary::connect(address, meter).await?));
        }
        let attached = async {
            let engine = Engine::attach(address, meter, patience).await?;
            engine.open_contacts(TALKING_CONTACTS, patience).await?;
            anyhow::Ok(engine)
        };
        let lines = || process.map(Process::last_lines).unwrap_or_default();
        Ok(Box::new(attached.await.with_context(|| format!("usher printed:\n{}", lines()))?))
    }

    /// A fresh Usher with nothing but its process, for weighing contacts.
    pub(crate) async fn start_usher(&self, durability: Durability) -> Result<(Process, Engine)> {
        let system = if durability == Durability::Sync { System::UsherSync } else { System::UsherAsync };
        let process = self.start_process(system, None).await?.context("Usher is a process")?;
        let engine = Engine::attach(process.address, Rc::clone(&self.driver.meter), START_PATIENCE).await?;
        Ok((process, engine))
    }

    /// With `counts`: under callgrind, the result going there.
    async fn start_process(&self, system: System, counts: Option<&Path>) -> Result<Option<Process>> {
        let command = |program: &Path| match counts {
            None => Ok(self.cores.on_system_core(program)),
            Some(out) => {
                let valgrind = find_program("valgrind").context("valgrind is gone")?;
                anyhow::Ok(callgrind::command(self.cores.on_system_core(&valgrind), program, out))
            }
        };
        let installed = |name| find_program(name).with_context(|| format!("{name} is gone"));
        let upstream = self.driver.fake.address;
        let (command, address) = match system {
            System::Direct => return Ok(None),
            System::Nginx => {
                let proxy = peers::nginx(&self.folder, free_address()?, upstream, counts.is_some())?;
                let mut command = command(&installed("nginx")?)?;
                proxy.arguments(&mut command);
                (command, proxy.listen)
            }
            System::Haproxy => {
                let proxy = peers::haproxy(&self.folder, free_address()?, upstream)?;
                let mut command = command(&installed("haproxy")?)?;
                proxy.arguments(&mut command);
                (command, proxy.listen)
            }
            System::UsherAsync => self.usher_command(Durability::Async, command)?,
            System::UsherSync => self.usher_command(Durability::Sync, command)?,
        };
        let patience = if counts.is_some() { callgrind::PATIENCE } else { START_PATIENCE };
        let log = self.folder.join(format!("{}.log", system.name()));
        Ok(Some(Process::start(command, address, log, patience).await?))
    }

    fn usher_command(
        &self,
        durability: Durability,
        command: impl Fn(&Path) -> Result<Command>,
    ) -> Result<(Command, std::net::SocketAddr)> {
        let config = usher::Config::create(&self.folder, durability, &self.driver.fake)?;
        let mut command = command(Path::new(usher::PROGRAM))?;
        config.arguments(&mut command);
        Ok((command, config.listen))
    }

    /// User instructions per message.
    pub(crate) async fn instructions(&self, system: System, counts: Counts) -> Result<f64> {
        let few = self.instructions_of(system, counts.few).await?;
        let many = self.instructions_of(system, counts.many).await?;
        callgrind::per_message(counts, few, many)
    }

    async fn instructions_of(&self, system: System, messages: u64) -> Result<u64> {
        let out = callgrind::out_file(&self.folder, system.name(), messages);
        let process = self.start_process(system, Some(&out)).await?;
        match process {
            None => self.run_self(messages, &out).await?,
            Some(process) => {
                let edge = self.connect(system, Some(&process), callgrind::PATIENCE).await?;
                self.driver.saturate(edge.as_ref(), Load::Messages(messages, callgrind::PATIENCE)).await?;
                drop(edge);
                process.stop().await?;
            }
        }
        callgrind::total(&out)
    }

    /// Driver and fake alone: this very program in another process.
    async fn run_self(&self, messages: u64, out: &Path) -> Result<()> {
        let valgrind = find_program("valgrind").context("valgrind is gone")?;
        let program = std::env::current_exe()?;
        let mut command = callgrind::command(self.cores.on_system_core(&valgrind), &program, out);
        command.args(["--direct-messages", &messages.to_string()]);
        Process::finish(command, self.folder.join("direct.log"), callgrind::PATIENCE).await
    }
}
