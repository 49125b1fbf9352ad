//! `--unix-mode` and `--unix-group`.

use nix::unistd::Group;

/// Reads permission bits in octal.
///
/// # Errors
/// It is no number from 0 to 777.
pub(super) fn unix_mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
    mode.ok_or_else(|| "it is written in octal, from 0 to 777, such as 660".to_owned())
}

/// Looks a group up; a number is its id.
///
/// # Errors
/// There is no such group.
pub(super) fn unix_group(text: &str) -> Result<u32, String> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    match Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("there is no such group: `getent group` lists them".to_owned()),
        Err(error) => Err(format!("the groups cannot be read: {}", error.desc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal() {
        assert_eq!(unix_mode("660"), Ok(0o660));
        assert_eq!(unix_mode("0600"), Ok(0o600));
        for text in ["", "680", "1777", "-1", "+660", "rw-rw----"] {
            assert!(unix_mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_group_has_a_name_or_a_number() {
        assert_eq!(unix_group("root"), Ok(0));
        assert_eq!(unix_group("4711"), Ok(4711));
        assert!(unix_group("no such group").is_err());
    }
}
