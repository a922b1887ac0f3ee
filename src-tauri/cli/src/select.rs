//! Which one is meant: an id, an unambiguous id prefix, a name, or `workspace/name`.

use wayleave_core::api::{AccountId, AccountView, CredentialView, Id};
use wayleave_core::error::{Error, ErrorCode};

/// Shortest prefix of an id that is taken for one.
const PREFIX_MIN: usize = 4;

/// The credential that `selector` means. The first rule that finds something decides.
pub fn credential<'a>(
    all: &'a [CredentialView],
    selector: &str,
    account: Option<AccountId>,
    workspace: Option<&str>,
) -> Result<&'a CredentialView, Error> {
    let within: Vec<&CredentialView> = all
        .iter()
        .filter(|c| account.is_none_or(|account| c.account == account))
        .filter(|c| workspace.is_none_or(|workspace| c.workspace == workspace))
        .collect();
    let rules: [&dyn Fn(&CredentialView) -> bool; 4] = [
        &|c| c.id.to_string() == selector,
        &|c| c.name == selector,
        &|c| selector.strip_prefix(&c.workspace).and_then(|s| s.strip_prefix('/')) == Some(&c.name),
        &|c| is_prefix(c.id, selector),
    ];
    let say = |c: &CredentialView| format!("{} {}/{}", short(c.id), c.workspace, c.name);
    one(&within, &rules, &say, "credential", selector)
}

/// The account that `selector` means; it may be left out when there is one.
pub fn account<'a>(
    all: &'a [AccountView],
    selector: Option<&str>,
) -> Result<&'a AccountView, Error> {
    let Some(selector) = selector else { return only(all) };
    let within: Vec<&AccountView> = all.iter().collect();
    let rules: [&dyn Fn(&AccountView) -> bool; 3] =
        [&|a| a.id.to_string() == selector, &|a| a.name == selector, &|a| {
            is_prefix(a.id, selector)
        }];
    one(&within, &rules, &say_account, "account", selector)
}

/// The first eight digits of an id: enough for a person.
pub fn short(id: Id) -> String {
    let mut text = id.to_string();
    text.truncate(8);
    text
}

fn only(all: &[AccountView]) -> Result<&AccountView, Error> {
    match all {
        [account] => Ok(account),
        [] => Err(Error::new(ErrorCode::NotFound, "there is no account yet")),
        several => {
            Err(ambiguous("there are several accounts", several.iter().map(say_account).collect()))
        }
    }
}

fn say_account(account: &AccountView) -> String {
    format!("{} {}", short(account.id), account.name)
}

fn is_prefix(id: Id, selector: &str) -> bool {
    selector.len() >= PREFIX_MIN && id.to_string().starts_with(&selector.to_ascii_lowercase())
}

fn one<'a, T>(
    all: &[&'a T],
    rules: &[&dyn Fn(&T) -> bool],
    say: &dyn Fn(&T) -> String,
    what: &str,
    selector: &str,
) -> Result<&'a T, Error> {
    for rule in rules {
        let found: Vec<&'a T> = all.iter().copied().filter(|item| rule(item)).collect();
        match found.as_slice() {
            [] => {}
            [item] => return Ok(item),
            several => {
                let names = several.iter().map(|item| say(item)).collect();
                return Err(ambiguous(&format!("more than one {what} is “{selector}”"), names));
            }
        }
    }
    Err(Error::new(ErrorCode::NotFound, format!("there is no {what} “{selector}”")))
}

fn ambiguous(message: &str, matches: Vec<String>) -> Error {
    Error::new(ErrorCode::Ambiguous, message).with("matches", matches.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::samples;

    fn pick(selector: &str) -> Result<String, Error> {
        let all = [
            samples::credential(1, "qgis", "wetlands"),
            samples::credential(2, "qgis", "peat"),
            samples::credential(3, "notebook", "peat"),
        ];
        credential(&all, selector, None, None).map(|c| c.id.to_string()[..2].to_owned())
    }

    #[test]
    fn each_way_to_name_a_credential_finds_it() {
        assert_eq!(pick("notebook"), Ok("03".into()));
        assert_eq!(pick("peat/qgis"), Ok("02".into()));
        assert_eq!(pick("0101"), Ok("01".into()));
        assert_eq!(pick(&"02".repeat(16)), Ok("02".into()));
    }

    #[test]
    fn what_is_not_clear_is_told_with_what_it_could_be() {
        let error = pick("qgis").expect_err("two of them");
        assert_eq!(error.code, ErrorCode::Ambiguous);
        assert_eq!(error.params["matches"], "01010101 wetlands/qgis, 02020202 peat/qgis");
        assert_eq!(pick("010").expect_err("too short").code, ErrorCode::NotFound);
        assert_eq!(pick("").expect_err("empty").code, ErrorCode::NotFound);
    }

    #[test]
    fn an_account_may_be_left_out_when_there_is_one() {
        let (one, two) = (samples::account(1, "EODH"), samples::account(2, "EODH staging"));
        assert_eq!(account(std::slice::from_ref(&one), None).map(|a| a.id), Ok(one.id));
        let both = [one, two];
        assert_eq!(account(&both, None).expect_err("two").code, ErrorCode::Ambiguous);
        assert_eq!(account(&both, Some("EODH")).map(|a| a.id), Ok(both[0].id));
        assert_eq!(account(&[], None).expect_err("none").code, ErrorCode::NotFound);
    }
}
