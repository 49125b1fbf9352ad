//! `smoke`, `vectors` and `serve`: one thing at a time, for who writes a driver or a client.

use clap::Args;
use serverswap_conformance::client;
use serverswap_conformance::config::{Lists, nearest};
use serverswap_conformance::report::{self, Outcome, Role, Scope};
use serverswap_conformance::scenario::{Catalogue, Instance, Selection};

use super::output::Output;
use super::subject::DriverArgs;
use serverswap_conformance::exit::{Ended, Found};

/// What is tried of a driver.
#[derive(Debug, Args)]
pub(super) struct Try {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    subject: DriverArgs,
}

/// Which case is served.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The id of the case, with the brackets of a permutation if it has any.
    case: String,
}

/// A case that cannot be served.
#[derive(Debug, thiserror::Error)]
enum NoInstance {
    #[error("there is no case `{id}`{}", nearest.as_ref().map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?")))]
    Unknown { id: String, nearest: Option<String> },
    #[error("`{id}` has {count} permutations; name one, such as `{first}`")]
    Several { id: String, count: usize, first: String },
}

pub(super) fn smoke(Try { output, subject }: Try) -> Ended {
    let config = subject.config()?;
    let report = client::smoke(&subject.command(&config)?, &subject.settings(&config))?;
    let judgement = Lists::default().judge(&report, Scope::Part);
    output.put_as(&report::smoke(&report, &judgement), &report, &judgement)
}

pub(super) fn vectors(vectors: Try) -> Ended {
    let config = vectors.subject.config()?;
    let report = client::vectors(&vectors.subject.command(&config)?, &vectors.subject.settings(&config))?;
    vectors.output.put(&report, &Lists::default().judge(&report, Scope::Part))
}

pub(super) fn serve(serve: Serve) -> Ended {
    let instance = instance(&Catalogue::embedded()?, &serve.case)?;
    let served = client::serve(&instance, Box::new(std::io::stdout()))?;
    Ok(match served.outcome {
        Outcome::Passed => Found::Good,
        Outcome::Failed => Found::Bad,
        Outcome::Skipped { .. } | Outcome::Suite { .. } => Found::Nothing,
    })
}

fn instance(catalogue: &Catalogue, id: &str) -> Result<Instance, NoInstance> {
    let named = Selection { level: None, only: vec![id.to_owned()] };
    let mut found = catalogue.select(Role::Client, &named);
    match (found.len(), catalogue.scenario(id)) {
        (1, Some(_)) => Ok(found.remove(0)),
        (count @ 2.., Some(_)) => {
            Err(NoInstance::Several { id: id.to_owned(), count, first: found.remove(0).id })
        }
        (0, Some(_)) | (_, None) => {
            let ids = catalogue.scenarios().iter().map(|scenario| scenario.id.as_str());
            Err(NoInstance::Unknown { id: id.to_owned(), nearest: nearest(id, ids) })
        }
    }
}
