//! Random sequences of changes against a model in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use wayleave_core::credential::Id;
use wayleave_core::vault::{Change, RecordKind, Vault, VaultError};

use super::support::{folder, make, none_failed, open, report, secret, shared_slot};

/// A step, with small numbers for ids so that they meet again.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Op>),
    LockAndUnlock,
    CloseAndOpen,
}

#[derive(Debug, Clone)]
enum Op {
    Put(u8, Option<i64>, String, String),
    Relabel(u8, Option<i64>, String),
    Remove(u8),
    Intend(u8, String),
    Settle(u8),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    version: u64,
    minute: Option<i64>,
    label: String,
    body: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    records: BTreeMap<Id, Kept>,
    intents: BTreeMap<Id, String>,
}

fn id(n: u8) -> Id {
    Id([n; 16])
}

fn end(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("in range")
}

impl Model {
    /// Applies an operation; `false` when the vault must refuse it.
    fn apply(&mut self, op: &Op) -> bool {
        match op {
            Op::Put(n, seconds, label, body) => {
                let version = self.records.get(&id(*n)).map_or(1, |kept| kept.version + 1);
                let minute = seconds.map(|s| s.div_euclid(60));
                let kept = Kept { version, minute, label: label.clone(), body: body.clone() };
                self.records.insert(id(*n), kept);
            }
            Op::Relabel(n, seconds, label) => {
                let Some(kept) = self.records.get_mut(&id(*n)) else { return false };
                let minute = seconds.map(|s| s.div_euclid(60));
                kept.version += u64::from(kept.minute != minute);
                kept.minute = minute;
                kept.label.clone_from(label);
            }
            Op::Remove(n) => drop(self.records.remove(&id(*n))),
            Op::Intend(n, body) => drop(self.intents.insert(id(*n), body.clone())),
            Op::Settle(n) => drop(self.intents.remove(&id(*n))),
        }
        true
    }

    fn read(vault: &Vault) -> Result<Self, VaultError> {
        let text = |secret: &wayleave_core::secret::Secret| {
            secret.expose_text().expect("is text").to_owned()
        };
        let mut model = Self::default();
        for record in vault.list()? {
            let kept = Kept {
                version: record.version,
                minute: record.expires.map(|at| at.as_second().div_euclid(60)),
                label: text(&record.label),
                body: text(&vault.reveal(record.id)?),
            };
            model.records.insert(record.id, kept);
        }
        model.intents = vault.intents()?.iter().map(|(id, body)| (*id, text(body))).collect();
        Ok(model)
    }
}

fn change(op: Op) -> Change {
    match op {
        Op::Put(n, seconds, label, body) => Change::Put {
            id: id(n),
            kind: RecordKind::S3,
            expires: seconds.map(end),
            label: secret(&label),
            body: secret(&body),
        },
        Op::Relabel(n, seconds, label) => {
            Change::Relabel { id: id(n), expires: seconds.map(end), label: secret(&label) }
        }
        Op::Remove(n) => Change::Remove { id: id(n) },
        Op::Intend(n, body) => Change::PutIntent { id: id(n), body: secret(&body) },
        Op::Settle(n) => Change::RemoveIntent { id: id(n) },
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = 0_u8..5;
    let when = prop::option::of(-10_000_i64..4_000_000_000);
    let op = prop_oneof![
        3 => (n.clone(), when.clone(), ".{0,40}", ".{0,600}")
            .prop_map(|(n, at, label, body)| Op::Put(n, at, label, body)),
        2 => (n.clone(), when, ".{0,300}").prop_map(|(n, at, label)| Op::Relabel(n, at, label)),
        1 => n.clone().prop_map(Op::Remove),
        1 => (n.clone(), ".{0,20}").prop_map(|(n, body)| Op::Intend(n, body)),
        1 => n.prop_map(Op::Settle),
    ];
    let step = prop_oneof![
        8 => prop::collection::vec(op, 0..5).prop_map(Step::Commit),
        1 => Just(Step::LockAndUnlock),
        1 => Just(Step::CloseAndOpen),
    ];
    prop::collection::vec(step, 1..40)
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let dir = folder();
    let path = dir.path().join("vault.db");
    let mut vault = make(&path);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit(ops) => {
                let mut next = model.clone();
                let accepted = ops.iter().all(|op| next.apply(op));
                let outcome = vault.commit(ops.into_iter().map(change).collect());
                prop_assert_eq!(outcome.is_ok(), accepted);
                if accepted {
                    model = next;
                }
            }
            Step::LockAndUnlock => vault = vault.lock().unlock(&shared_slot().1).expect("opens"),
            Step::CloseAndOpen => {
                drop(vault);
                vault = open(&path).expect("opens");
            }
        }
        prop_assert_eq!(&Model::read(&vault).expect("reads"), &model);
    }
    vault.check().expect("is sound");
    Ok(())
}

#[test]
fn random_sequences_do_what_the_model_does() {
    let cases: u32 =
        std::env::var("WAYLEAVE_SEQUENCES").ok().and_then(|n| n.parse().ok()).unwrap_or(48);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps(), run);
    let (cases, failed) = (u64::from(cases), u64::from(outcome.is_err()));
    report(|r| r.seed(7));
    none_failed("sequences", "differing", cases, failed);
    outcome.expect("the vault does what the model does");
}
