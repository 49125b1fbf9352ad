//! Why `--adopt` cannot take an address over.

use serverswap::protocol::Address;

use super::grammar;

/// The reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdoptable {
    /// No process can be seen that has it: it is another user's, in another pid namespace, or one that only root may look into.
    Unseen,
    /// It is this user's, and the kernel does not let us look: it has file capabilities, or has been another user.
    NotDumpable,
    /// Yama allows only parents, or nobody, to take a descriptor of a process.
    PtraceScope(u32),
    /// What it listens at is in the way, and is not the same; these are its addresses.
    OtherAddress(Vec<Address>),
    /// In the words of the arbiter.
    Refused(String),
}

impl NotAdoptable {
    /// The kernel has refused it; `ptrace_scope` is that of Yama.
    pub fn not_permitted(ptrace_scope: u32) -> NotAdoptable {
        match ptrace_scope {
            0 => NotAdoptable::NotDumpable,
            scope => NotAdoptable::PtraceScope(scope),
        }
    }

    /// The end of the sentence that names who has it.
    pub(super) fn text(&self) -> String {
        match self {
            NotAdoptable::Unseen => {
                "it is another user's, or one that only root may look into, such as a program with file capabilities".to_owned()
            }
            NotAdoptable::NotDumpable => {
                "the kernel does not let this user look into it, as into a program with file capabilities"
                    .to_owned()
            }
            NotAdoptable::PtraceScope(scope) => format!(
                "kernel.yama.ptrace_scope is {scope}, so that only root may take a socket of a process that it has not \
                 started"
            ),
            NotAdoptable::OtherAddress(addresses) if addresses.is_empty() => {
                "it does not listen there".to_owned()
            }
            NotAdoptable::OtherAddress(addresses) => format!("it listens at {}", grammar::list(addresses)),
            NotAdoptable::Refused(message) => message.clone(),
        }
    }

    pub(super) fn hint(&self) -> String {
        match self {
            NotAdoptable::Unseen | NotAdoptable::NotDumpable => "run the command as root".to_owned(),
            NotAdoptable::PtraceScope(_) => {
                "run the command as root, or allow it until the next boot: `sysctl kernel.yama.ptrace_scope=0`".to_owned()
            }
            NotAdoptable::OtherAddress(addresses) => match addresses.first() {
                Some(address) => format!("name the address as it has it, for example `--socket {address}`"),
                None => "`ss -ltnp` shows who listens where".to_owned(),
            },
            NotAdoptable::Refused(_) => "`serverswap status` shows what is serving now".to_owned(),
        }
    }
}
