//! Brings a plan's faults about, and mends them when their time is over.

use std::{collections::VecDeque, time::Duration};

use turmoil::Sim;

use super::{
    centre::Trouble,
    disk::Disk,
    hosts::{ENGINE, GATEWAY, LANGUAGE},
    plan::{Fault, Link, Plan},
};

pub(crate) struct Faults {
    to_come: VecDeque<(Duration, Fault)>,
    to_mend: Vec<(Duration, Fault)>,
}

const fn peer(link: Link) -> &'static str {
    match link {
        Link::Engine => ENGINE,
        Link::Language => LANGUAGE,
    }
}

impl Faults {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { to_come: plan.faults.iter().cloned().collect(), to_mend: Vec::new() }
    }

    pub(crate) fn advance(&mut self, sim: &mut Sim<'_>, disk: &Disk, trouble: &Trouble) {
        let now = sim.elapsed();
        let due = self.to_mend.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>();
        for (_, fault) in due {
            mend(&fault, sim, disk);
        }
        while let Some((at, fault)) = self.to_come.pop_front_if(|(at, _)| *at <= now) {
            begin(&fault, sim, disk, trouble);
            self.to_mend.push((at + fault.lasts(), fault));
        }
    }
}

fn begin(fault: &Fault, sim: &mut Sim<'_>, disk: &Disk, trouble: &Trouble) {
    match fault {
        Fault::Split(link, _) => sim.partition(GATEWAY, peer(*link)),
        Fault::SplitFromGateway(link, _) => sim.partition_oneway(GATEWAY, peer(*link)),
        Fault::SplitToGateway(link, _) => sim.partition_oneway(peer(*link), GATEWAY),
        Fault::Delay(link, _) => sim.hold(GATEWAY, peer(*link)),
        Fault::GatewayCrash(_) => sim.crash(GATEWAY),
        Fault::LanguageCrash(_) => sim.crash(LANGUAGE),
        Fault::DiskFails(calls) => disk.memory.fail_next(*calls),
        Fault::DiskLies(calls) => disk.memory.lose_next_answers(*calls),
        Fault::EngineCut(time) => trouble.set(Some((*time, false))),
        Fault::EngineRestart(time) => trouble.set(Some((*time, true))),
    }
}

fn mend(fault: &Fault, sim: &mut Sim<'_>, disk: &Disk) {
    match fault {
        Fault::Split(link, _) => sim.repair(GATEWAY, peer(*link)),
        Fault::SplitFromGateway(link, _) => sim.repair_oneway(GATEWAY, peer(*link)),
        Fault::SplitToGateway(link, _) => sim.repair_oneway(peer(*link), GATEWAY),
        Fault::Delay(link, _) => sim.release(GATEWAY, peer(*link)),
        Fault::GatewayCrash(_) => sim.bounce(GATEWAY),
        Fault::LanguageCrash(_) => sim.bounce(LANGUAGE),
        Fault::DiskFails(_) => disk.memory.fail_next(0),
        Fault::DiskLies(_) => disk.memory.lose_next_answers(0),
        Fault::EngineCut(_) | Fault::EngineRestart(_) => {}
    }
}
