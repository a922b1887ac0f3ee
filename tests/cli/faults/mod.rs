//! The suite `faults`: hostile and unlucky input, through the shipped programs (command line, agent,
//! sandbox). One check per kind of it; each asserts the error's code, the exit code, that it says
//! what was kept and what to do, that the vault lists the same afterwards, and that no secret is in
//! standard output, standard error or the agent's log, which is as talkative as it can be.

mod answers;
mod files;
mod hubs;
mod issuing;
mod machine;
mod sessions;
mod stage;
mod versions;
