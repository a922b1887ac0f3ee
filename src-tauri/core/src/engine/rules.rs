//! What is refused before a platform is asked: names and lifetimes that it would not take.

use crate::api::{ExpiryInput, NAME_MAX};
use crate::error::{Error, ErrorCode, Result};
use crate::platform::descriptor::Descriptor;

/// A name as it is sent to the platform: 1 to 128 characters, and no control characters.
pub(super) fn check_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if (1..=NAME_MAX).contains(&length)
        && !name.trim().is_empty()
        && !name.chars().any(char::is_control)
    {
        return Ok(());
    }
    Err(Error::new(ErrorCode::InvalidName, format!("a name has 1 to {NAME_MAX} characters"))
        .with("field", "name")
        .with("max", NAME_MAX))
}

/// A name as the platform takes it: where it is the token's id, only `a-z 0-9 _ -`.
pub(super) fn check_token_name(descriptor: &Descriptor, name: &str) -> Result<()> {
    let fine = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
    let (length, max) = (name.chars().count(), descriptor.name_max);
    if length > max || (descriptor.names_are_ids && !name.chars().all(fine)) {
        let rule = if descriptor.names_are_ids { " of a-z, 0-9, _ and -" } else { "" };
        let told = format!("a name has 1 to {max} characters{rule}");
        return Err(Error::new(ErrorCode::InvalidName, told)
            .with("field", "name")
            .with("max", max));
    }
    Ok(())
}

/// A lifetime within the platform's bounds; none where its tokens have no end.
pub(super) fn check_lifetime(descriptor: &Descriptor, lifetime: Option<u32>) -> Result<()> {
    let wrong = |what: &str| Error::new(ErrorCode::InvalidLifetime, what).with("field", "lifetime");
    match (descriptor.lifetime, lifetime) {
        (Some(range), Some(asked)) if (range.min..=range.max).contains(&asked) => Ok(()),
        (Some(range), _) => {
            let unit = if descriptor.expiry == ExpiryInput::Hours { "hours" } else { "days" };
            let told = format!("a token lasts {} to {} {unit} here", range.min, range.max);
            let told = wrong(&told).with("min", range.min).with("max", range.max);
            Err(told.with("unit", unit))
        }
        (None, None) => Ok(()),
        (None, Some(_)) => Err(wrong("tokens of this platform have no end to choose")),
    }
}
