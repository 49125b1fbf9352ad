//! What is still true when a run ends: which server serves which address. At three in the morning it is the
//! first question.
//!
//! Nothing is guessed: what could not be found out is reported as unknown.

use serde::Serialize;
use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use super::grammar;
use super::outcome::{ClaimOutcome, ClaimStanding, Reached, RunFacts};

/// The serving servers, as found just before the summary was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StillServing {
    /// It could not be found out.
    Unknown,
    /// These living servers, of whatever generation, serve; and no others that serverswap
    /// knows of.
    Known(Vec<ServingServer>),
}

/// A living server and an address that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServingServer {
    /// The address.
    pub address: Address,
    /// The server.
    pub pid: u32,
}

/// Most addresses that are named in a sentence.
const NAMED_MAX: usize = 3;

/// The half sentence after the error: what is still true.
pub(super) fn still(facts: &RunFacts, still_serving: &StillServing) -> String {
    match still_serving {
        StillServing::Unknown if is_untouched(facts) => "no other server was touched".to_owned(),
        StillServing::Unknown => "it is not known which servers are serving now".to_owned(),
        StillServing::Known(still_serving) => known(facts, still_serving),
    }
}

/// An exclusive claim takes the old holder down before it is granted, so only a generation
/// that claimed nothing, or whose claims failed, is known to have touched no other server.
fn is_untouched(facts: &RunFacts) -> bool {
    let in_vain = |swap: &ClaimOutcome| {
        matches!(swap.standing, ClaimStanding::Failed { .. }) && swap.ready_after.is_none()
    };
    facts.reached == Reached::Nothing && facts.addresses.iter().all(in_vain)
}

fn known(facts: &RunFacts, still_serving: &[ServingServer]) -> String {
    let claimed: Vec<&Address> = facts.addresses.iter().map(|swap| &swap.address).collect();
    let concerns = |server: &ServingServer, address: &Address| {
        server.address == *address || server.address.overlaps(address)
    };
    let of_interest = |server: &&ServingServer| {
        claimed.is_empty() || claimed.iter().any(|address| concerns(server, address))
    };
    let serving: Vec<&ServingServer> = still_serving.iter().filter(of_interest).collect();
    let empty = |address: &&Address| !serving.iter().any(|server| server.address == **address);
    let ours = facts.addresses.iter().filter(|swap| !is_of_others(swap)).map(|swap| &swap.address);
    let unserved: Vec<&Address> = ours.filter(empty).collect();
    let mut parts: Vec<String> = serving.iter().take(NAMED_MAX).map(|server| serves(facts, server)).collect();
    if serving.len() > NAMED_MAX {
        parts.push(format!("{} more addresses are served", serving.len() - NAMED_MAX));
    }
    match unserved.len() {
        0 => {}
        1..=NAMED_MAX => parts.push(format!(
            "{} {} not served",
            grammar::list(&unserved),
            if unserved.len() == 1 { "is" } else { "are" }
        )),
        many => parts.push(format!("{many} of its addresses are not served")),
    }
    if parts.is_empty() && !claimed.is_empty() {
        return "no other server was touched".to_owned();
    }
    if parts.is_empty() {
        "no other server was touched, and no server in this directory is serving".to_owned()
    } else {
        grammar::list(&parts)
    }
}

/// A program that serverswap does not manage has it, or a server of an address that overlaps it.
fn is_of_others(swap: &ClaimOutcome) -> bool {
    match &swap.standing {
        ClaimStanding::Failed { code, .. } => matches!(code, Code::AddressInUse | Code::AddressOverlaps),
        ClaimStanding::Waiting
        | ClaimStanding::Granted
        | ClaimStanding::Probation
        | ClaimStanding::Serving
        | ClaimStanding::Replaced
        | ClaimStanding::Superseded => false,
    }
}

fn serves(facts: &RunFacts, server: &ServingServer) -> String {
    let still = if facts.pid == Some(server.pid) { "keeps serving" } else { "still serves" };
    format!("pid {} {still} {}", server.pid, server.address)
}
