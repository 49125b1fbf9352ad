//! `--allow-user`.

use nix::unistd::User;

/// Looks a user up; a number is the id.
///
/// # Errors
/// There is no such user.
pub(super) fn user(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => {
            Err("there is no such user here; users of an image are named by their number, such as 1000"
                .to_owned())
        }
        Err(error) => Err(format!("the users cannot be read: {}", error.desc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        assert_eq!(user("root"), Ok(0));
        assert_eq!(user("4711"), Ok(4711));
        assert!(user("no such user").is_err_and(|error| error.contains("such as 1000")));
    }
}
