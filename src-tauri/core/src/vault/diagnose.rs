//! What is wrong with a vault whose root does not fit. Only the words depend on this: nothing of
//! a vault that comes here is ever used.

use super::contents::{Contents, RecordRow};
use super::error::Damage;
use super::seal::{Keys, same};

/// Records looked at closely, so that a large damaged vault does not take minutes.
const CLOSELY: usize = 16;
/// Epochs tried in each direction.
const EPOCHS: i64 = 4096;

/// Whether both integrity values fit.
pub(super) fn fits(keys: &Keys, contents: &Contents) -> bool {
    let header = &contents.header;
    let root = same(&header.root, &keys.root(contents));
    let watch = same(&header.watch_root, &keys.watch_root(contents));
    root && watch
}

/// The kind of change that explains why they do not.
pub(super) fn diagnose(keys: &Keys, contents: &Contents) -> Damage {
    bodies(keys, contents)
        .or_else(|| labels(keys, contents))
        .or_else(|| intents(keys, contents))
        .or_else(|| added_slot(keys, contents))
        .unwrap_or_else(|| counts(keys, contents))
}

fn bodies(keys: &Keys, contents: &Contents) -> Option<Damage> {
    let broken = contents.records.values().filter(|row| keys.open_body(row).is_err());
    broken.take(CLOSELY).map(|row| body(keys, contents, row)).next()
}

/// Why one body does not open under its own row.
fn body(keys: &Keys, contents: &Contents, row: &RecordRow) -> Damage {
    for other in contents.records.values().filter(|other| other.id != row.id) {
        let there = RecordRow { body: row.body.clone(), ..other.clone() };
        if keys.open_body(&there).is_ok() {
            let also_there = keys.open_body(other).is_ok();
            return if also_there { Damage::RowDuplicated } else { Damage::RowsSwapped };
        }
    }
    let label = contents.labels.get(&row.id).and_then(|l| keys.open_label(&row.id, l).ok());
    let Some((sealed, _)) = label else { return Damage::ForeignRow };
    let clear = row.clear_copy();
    if sealed == clear {
        Damage::ContentAltered
    } else if sealed[..16] == clear[..16] {
        Damage::ExpiryAltered
    } else {
        Damage::ClearFieldAltered
    }
}

fn labels(keys: &Keys, contents: &Contents) -> Option<Damage> {
    for (id, label) in &contents.labels {
        let Some(row) = contents.records.get(id) else { return Some(Damage::RowMissing) };
        match keys.open_label(id, label) {
            Ok((sealed, _)) if sealed == row.clear_copy() => {}
            Ok(_) => return Some(Damage::RowMissing),
            Err(_) => {
                let elsewhere = contents.labels.keys().any(|id| keys.open_label(id, label).is_ok());
                return Some(if elsewhere { Damage::RowsSwapped } else { Damage::ContentAltered });
            }
        }
    }
    let unlabelled = contents.records.keys().any(|id| !contents.labels.contains_key(id));
    unlabelled.then_some(Damage::RowMissing)
}

fn intents(keys: &Keys, contents: &Contents) -> Option<Damage> {
    let broken = contents.outbox.iter().find(|(id, sealed)| keys.open_intent(id, sealed).is_err());
    broken.map(|(_, sealed)| {
        let elsewhere = contents.outbox.keys().any(|id| keys.open_intent(id, sealed).is_ok());
        if elsewhere { Damage::RowsSwapped } else { Damage::ContentAltered }
    })
}

/// A slot without which everything fits was put in by somebody else.
fn added_slot(keys: &Keys, contents: &Contents) -> Option<Damage> {
    contents.slots.keys().find_map(|id| {
        let mut without = contents.clone();
        without.slots.remove(id);
        fits(keys, &without).then_some(Damage::SlotAdded)
    })
}

/// Everything opens, so it is the number of rows, their age, or a count.
fn counts(keys: &Keys, contents: &Contents) -> Damage {
    let mut mended = contents.clone();
    mended.header.watch_root = keys.watch_root(contents);
    mended.header.root = keys.root(&mended);
    let watch_fits = same(&mended.header.watch_root, &contents.header.watch_root);
    if watch_fits || same(&mended.header.root, &contents.header.root) {
        return Damage::Root;
    }
    let digest = contents.watch_digest();
    let epoch = contents.header.epoch;
    let near = (1..=EPOCHS).flat_map(|step| [epoch.checked_sub(step), epoch.checked_add(step)]);
    let altered = near.flatten().any(|epoch| {
        let value = keys.watch_root_of(epoch, contents.records.len(), &digest);
        same(&value, &contents.header.watch_root)
    });
    if altered { Damage::EpochAltered } else { Damage::RowMissing }
}
