//! Where the symbolic links of an archive lead, taking each other into account.

use std::collections::BTreeMap;

/// How many links one path may go through. Source: the kernel's own limit.
const HOP_COUNT_MAX: usize = 40;

/// A link that leads out of the root, or in circles, if there is one.
///
/// It is not enough to look at each target by itself: with `d/up -> ..`, the harmless-looking `d/up/..` is outside.
pub(super) fn leaving(links: &BTreeMap<String, String>) -> Option<(&String, &String)> {
    links.iter().find(|(path, target)| !stays_inside(path, target, links))
}

/// Walks a target as the kernel would, in a tree whose only links are `links`.
fn stays_inside(path: &str, target: &str, links: &BTreeMap<String, String>) -> bool {
    let mut here: Vec<&str> = path.split('/').collect();
    here.pop();
    // The segments still to walk, the next one last.
    let mut ahead: Vec<&str> = Vec::new();
    let mut hop_count = 0;
    let mut next_target = Some(target);
    loop {
        if let Some(target) = next_target.take() {
            hop_count += 1;
            if target.starts_with('/') || hop_count > HOP_COUNT_MAX {
                return false;
            }
            ahead.extend(target.split('/').rev());
        }
        match ahead.pop() {
            None => return true,
            Some("" | ".") => {}
            Some("..") => {
                if here.pop().is_none() {
                    return false;
                }
            }
            Some(segment) => {
                here.push(segment);
                if let Some(target) = links.get(&here.join("/")) {
                    here.pop();
                    next_target = Some(target);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(links: &[(&str, &str)]) -> Option<String> {
        let links = links.iter().map(|(path, target)| (path.to_string(), target.to_string())).collect();
        leaving(&links).map(|(path, _)| path.clone())
    }

    #[test]
    fn links_that_stay_inside_are_fine() {
        assert_eq!(
            leaves(&[("node_modules/.bin/tool", "../tool/cli.js"), ("current", "./v1/"), ("a/b", "..")]),
            None
        );
        assert_eq!(leaves(&[("one", "two"), ("two", "three/../four"), ("dangling", "nowhere")]), None);
    }

    #[test]
    fn links_that_leave_are_found() {
        for target in ["..", "../x", "/etc/passwd", "a/../../x", "./../x"] {
            assert_eq!(leaves(&[("link", target)]), Some("link".to_owned()), "{target}");
        }
        assert_eq!(leaves(&[("d/up", "..")]), None);
        assert_eq!(leaves(&[("d/up", ".."), ("out", "d/up/..")]), Some("out".to_owned()));
    }

    #[test]
    fn circles_are_refused() {
        assert_eq!(leaves(&[("a", "b"), ("b", "a")]), Some("a".to_owned()));
        assert_eq!(leaves(&[("a", "a/x")]), Some("a".to_owned()));
    }
}
