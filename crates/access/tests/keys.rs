//! Access keys over a store: creation, lookup, switching off, temporary keys, the first key.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use kulkul_access::{
    AccessError, AccessKeys, FirstKey, KEY_FILE_NAME, KeyRefused, NewKey, Role, read_key_file,
};
use kulkul_model::Timestamp;
use support::MemoryStore;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

async fn opened(store: &Arc<MemoryStore>) -> AccessKeys {
    AccessKeys::open(Arc::clone(store) as _).await.unwrap()
}

#[tokio::test]
async fn keys_are_found_again_after_a_restart() {
    let store = Arc::new(MemoryStore::default());
    let keys = opened(&store).await;
    assert!(keys.is_empty());
    for number in 0..300 {
        let new = NewKey::given(&format!("K{number}"), "s", Role::Publish).unwrap();
        keys.create(new, NOW).await.unwrap();
    }
    let again = opened(&store).await;
    assert_eq!(again.list().len(), 300);
    let found = again.find("K299", None, NOW).unwrap();
    assert_eq!((found.secret().expose(), found.role(), found.created_at()), ("s", Role::Publish, NOW));
    assert_eq!(again.find("K300", None, NOW).unwrap_err(), KeyRefused::Unknown);
    assert_eq!(again.find("K1", Some("x"), NOW).unwrap_err(), KeyRefused::TokenInvalid);
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let keys = opened(&Arc::default()).await;
    let new = NewKey::given("K", "first", Role::Admin).unwrap();
    keys.create(new, NOW).await.unwrap();
    let second = keys.create(NewKey::given("K", "second", Role::Admin).unwrap(), NOW).await;
    assert!(matches!(second, Err(AccessError::Exists { id }) if id == "K"));
    assert_eq!(keys.find("K", None, NOW).unwrap().secret().expose(), "first");
}

#[tokio::test]
async fn a_disabled_key_is_refused_and_the_last_admin_stays() {
    let store = Arc::new(MemoryStore::default());
    let keys = opened(&store).await;
    let one = keys.create(NewKey::random(Role::Admin).unwrap(), NOW).await.unwrap();
    let other = keys.create(NewKey::random(Role::Admin).unwrap(), NOW).await.unwrap();
    keys.set_disabled(one.id(), true).await.unwrap();
    assert_eq!(keys.find(one.id().as_str(), None, NOW).unwrap_err(), KeyRefused::Disabled);
    assert!(matches!(keys.delete(other.id()).await, Err(AccessError::LastAdmin { .. })));
    assert!(matches!(keys.set_disabled(other.id(), true).await, Err(AccessError::LastAdmin { .. })));
    keys.set_disabled(one.id(), false).await.unwrap();
    keys.delete(other.id()).await.unwrap();
    assert!(matches!(keys.delete(other.id()).await, Err(AccessError::NotFound { .. })));
    let again = opened(&store).await;
    assert_eq!(again.list().len(), 1);
    assert!(again.find(one.id().as_str(), None, NOW).is_ok());
}

#[tokio::test]
async fn a_temporary_key_works_until_it_ends_with_its_own_token_only() {
    let store = Arc::new(MemoryStore::default());
    let keys = opened(&store).await;
    let parent = keys.create(NewKey::random(Role::Admin).unwrap(), NOW).await.unwrap();
    let minute = Duration::from_secs(60);
    let one = keys.issue_temporary(&parent, Role::Publish, minute, NOW).unwrap();
    let other = keys.issue_temporary(&parent, Role::Admin, minute, NOW).unwrap();
    let token = one.security_token.expose();
    let (id, now) = (one.id.as_str(), NOW.plus(minute / 2));

    // A server that was restarted knows it, too.
    let again = opened(&store).await;
    let found = again.find(id, Some(token), now).unwrap();
    assert_eq!((found.secret(), found.role()), (&one.secret, Role::Publish));

    assert_eq!(keys.find(id, None, now).unwrap_err(), KeyRefused::TokenMissing);
    let foreign = keys.find(id, Some(other.security_token.expose()), now);
    assert_eq!(foreign.unwrap_err(), KeyRefused::TokenInvalid);
    for broken in ["", ".", "x", &token[1..], &token[..token.len() - 1]] {
        assert_eq!(keys.find(id, Some(broken), now).unwrap_err(), KeyRefused::TokenInvalid, "{broken}");
    }
    assert_eq!(keys.find(id, Some(token), NOW.plus(minute)).unwrap_err(), KeyRefused::Expired);

    let strange = opened(&Arc::default()).await;
    assert_eq!(strange.find(id, Some(token), now).unwrap_err(), KeyRefused::TokenInvalid);
}

#[tokio::test]
async fn a_temporary_key_dies_with_the_key_it_was_made_from() {
    let keys = opened(&Arc::default()).await;
    keys.create(NewKey::random(Role::Admin).unwrap(), NOW).await.unwrap();
    let parent = keys.create(NewKey::random(Role::Publish).unwrap(), NOW).await.unwrap();
    let made = keys.issue_temporary(&parent, Role::Admin, Duration::from_secs(60), NOW).unwrap();
    let find = || keys.find(made.id.as_str(), Some(made.security_token.expose()), NOW);
    assert_eq!(find().unwrap().role(), Role::Publish, "never more than its parent");
    keys.set_disabled(parent.id(), true).await.unwrap();
    assert_eq!(find().unwrap_err(), KeyRefused::Disabled);
    keys.delete(parent.id()).await.unwrap();
    assert_eq!(find().unwrap_err(), KeyRefused::Unknown);
}

#[tokio::test]
async fn the_first_key_is_made_once_and_written_for_its_owner_only() {
    let store = Arc::new(MemoryStore::default());
    let dir = tempfile::tempdir().unwrap();
    let keys = opened(&store).await;
    let made = keys.create_first(FirstKey::Random, dir.path(), NOW).await.unwrap().unwrap();
    assert_eq!(made.role(), Role::Admin);
    let read = read_key_file(dir.path()).unwrap();
    assert_eq!((&read.id, &read.secret), (made.id(), made.secret()));
    let mode = std::fs::metadata(dir.path().join(KEY_FILE_NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let given = NewKey::given("AKID", "secret", Role::Read).unwrap();
    let second = opened(&store).await.create_first(FirstKey::Given(given.clone()), dir.path(), NOW).await;
    assert!(second.unwrap().is_none());

    let fresh = opened(&Arc::default()).await;
    let first = fresh.create_first(FirstKey::Given(given), dir.path(), NOW).await.unwrap().unwrap();
    assert_eq!((first.id().as_str(), first.role()), ("AKID", Role::Admin));
    assert_eq!(read_key_file(dir.path()).unwrap().secret.expose(), "secret");
}

#[tokio::test]
async fn seals_depend_on_purpose_and_every_part() {
    let keys = opened(&Arc::default()).await;
    let seal = keys.seal("code", &[b"ab", b"c"]);
    assert_eq!(keys.seal("code", &[b"ab", b"c"]), seal);
    assert_ne!(keys.seal("code", &[b"a", b"bc"]), seal);
    assert_ne!(keys.seal("data", &[b"ab", b"c"]), seal);
}
