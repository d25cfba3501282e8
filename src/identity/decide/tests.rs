use super::*;
use crate::identity::{Cohort, Gates, TierRules, Tiers, hash_secret};
use crate::types::KeyId;

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
const DAY: i64 = 24 * 60 * 60 * 1_000;

/// A world of one user, and the commands given to it.
struct World {
    identity: Identity,
    user: UserId,
    keys: u32,
}

impl World {
    fn of(user: User, gates: Gates) -> Self {
        let cohort = Cohort { label: "spring".to_owned(), cap: 2, cutoff: None };
        let pays = TierRules { trades: true, ..TierRules::default() };
        let tiers = Tiers { pro: pays, pro_plus: pays, enterprise: pays, ..Tiers::default() };
        let mut identity = Identity::new(gates, tiers, vec![cohort]);
        let user = identity.add_user(user);
        Self { identity, user, keys: 0 }
    }

    /// A user whom every gate lets through.
    fn admitted(plan: Tier) -> Self {
        Self::of(User { allowlisted: true, ..User::named("ann", plan) }, Gates::default())
    }

    fn ask(&mut self, at: Timestamp, command: &Command) -> Result<Vec<Event>, Reject> {
        let events = self.identity.decide(at, command)?;
        for event in &events {
            self.identity.take_in(event);
        }
        Ok(events)
    }

    fn print(&mut self) -> Print {
        self.keys += 1;
        let text = format!("ps_live_{}", self.keys);
        Print { hash: hash_secret(&text), prefix: text }
    }

    fn wanted(&mut self, tier: Option<Tier>, permissions: Option<Permissions>) -> NewKey {
        NewKey { scheme: Scheme::Polysim, print: self.print(), name: None, tier, permissions }
    }

    fn issue(&mut self, at: Timestamp) -> Result<KeyId, Reject> {
        let wanted = self.wanted(None, None);
        let events = self.ask(at, &Command::IssueKey(self.user, wanted))?;
        let [Event::KeyIssued(key, _)] = events[..] else { panic!("one key: {events:?}") };
        Ok(key)
    }

    fn own(&self, key: KeyId) -> OwnKey {
        OwnKey { user: self.user, scheme: Scheme::Polysim, key }
    }

    fn rotate(&mut self, at: Timestamp, key: KeyId) -> Result<KeyId, Reject> {
        let print = self.print();
        let events = self.ask(at, &Command::RotateKey(self.own(key), print))?;
        let Some(Event::KeyIssued(successor, _)) = events.first() else { panic!("a key first: {events:?}") };
        Ok(*successor)
    }

    fn works(&self, key: KeyId, at: Timestamp) -> bool {
        self.identity.key(key).expect("it was made").usable(at).is_ok()
    }
}

#[test]
fn keys_are_issued_by_phase_and_plan() {
    let closed = Gates { closed_beta: true, ..Gates::default() };
    let self_serve = Gates { self_serve: true, ..closed };
    let open = Gates::default();
    let (free, pro) = (User::named("free", Tier::Free), User::named("pro", Tier::Pro));
    let cohort = |user: &User| User { cohorts: vec!["spring".to_owned()], ..user.clone() };
    let admin = User { admin: true, ..User::named("admin", Tier::Enterprise) };
    let (read, trade) = (Ok(Permissions::READ), Ok(Permissions::TRADE));
    let (shut, soon) = (Err(Reject::IssuanceClosed), Err(Reject::IssuanceComingSoon));
    for (gates, user, expected) in [
        (closed, admin.clone(), trade.clone()),
        (closed, cohort(&free), read.clone()),
        (closed, cohort(&pro), trade.clone()),
        (closed, free.clone(), shut.clone()),
        (closed, pro.clone(), shut),
        (self_serve, free.clone(), read.clone()),
        (self_serve, pro.clone(), soon),
        (self_serve, cohort(&pro), trade.clone()),
        (self_serve, admin, trade.clone()),
        (open, free, read),
        (open, pro, trade),
    ] {
        let name = format!("{gates:?} {}", user.name);
        let mut world = World::of(user, gates);
        let issued = world.issue(NOW).map(|key| world.identity.key(key).expect("made").permissions);
        assert_eq!(issued, expected, "{name}");
    }
}

#[test]
fn nobody_gets_more_than_the_plan() {
    let upgrade = Err(Reject::UpgradeNeeded);
    let (read, trade) = (Permissions::READ, Permissions::TRADE);
    for (plan, tier, permissions, expected) in [
        (Tier::Free, None, None, Ok((Tier::Free, read))),
        (Tier::Free, None, Some(trade), upgrade.clone()),
        (Tier::Free, Some(Tier::Pro), None, upgrade.clone()),
        (Tier::Free, Some(Tier::Enterprise), None, Err(Reject::NotEntitled)),
        (Tier::Pro, None, None, Ok((Tier::Pro, trade))),
        (Tier::Pro, Some(Tier::Free), None, Ok((Tier::Free, read))),
        (Tier::Pro, Some(Tier::Free), Some(trade), upgrade.clone()),
        (Tier::Pro, Some(Tier::Pro), Some(read), Ok((Tier::Pro, read))),
        (Tier::Pro, Some(Tier::ProPlus), None, upgrade),
        (Tier::ProPlus, Some(Tier::Enterprise), None, Err(Reject::NotEntitled)),
        (Tier::Enterprise, Some(Tier::ProPlus), None, Ok((Tier::ProPlus, trade))),
    ] {
        let mut world = World::admitted(plan);
        let wanted = world.wanted(tier, permissions);
        let issued = world.ask(NOW, &Command::IssueKey(world.user, wanted)).map(|events| {
            let [Event::KeyIssued(_, key)] = &events[..] else { panic!("one key: {events:?}") };
            (key.tier, key.permissions)
        });
        assert_eq!(issued, expected, "{plan:?} asks for {tier:?} {permissions:?}");
    }
}

#[test]
fn five_keys_work_at_once_and_ended_ones_do_not_count() {
    let mut world = World::admitted(Tier::Pro);
    let keys: Vec<_> = (0..5).map(|_| world.issue(NOW).expect("there is room")).collect();
    let full = Err(Reject::KeysFull { most: 5 });
    assert_eq!(world.issue(NOW), full);
    // Rotating makes a sixth for a day, and no seventh.
    let successor = world.rotate(NOW, keys[0]).expect("it may go one beyond");
    assert_eq!(world.rotate(NOW, keys[1]), full);
    let own = world.own(keys[2]);
    world.ask(NOW, &Command::RevokeKey(own)).expect("it is one's own");
    assert_eq!(world.issue(NOW), full, "the rotated one still counts");
    let tomorrow = NOW.plus_millis(DAY);
    assert!(world.issue(tomorrow).is_ok(), "and a day later it does not");
    assert!(world.works(successor, tomorrow) && !world.works(keys[0], tomorrow));
}

#[test]
fn a_first_key_is_for_those_who_never_had_one() {
    let mut world = World::admitted(Tier::Pro);
    let first = |world: &mut World| {
        let wanted = world.wanted(None, None);
        world.ask(NOW, &Command::IssueFirstKey(world.user, wanted)).map(drop)
    };
    assert_eq!(first(&mut world), Ok(()));
    assert_eq!(first(&mut world), Err(Reject::NotFirstKey));
    let own = world.own(KeyId(1));
    world.ask(NOW, &Command::RevokeKey(own)).expect("it is one's own");
    assert_eq!(first(&mut world), Err(Reject::NotFirstKey), "a revoked key was a key");
}

#[test]
fn a_rotated_key_works_for_a_day_and_has_one_successor() {
    let mut world = World::admitted(Tier::Pro);
    let key = world.issue(NOW).expect("there is room");
    let own = world.own(key);
    world.ask(NOW, &Command::RenameKey(own, Some("bot".to_owned()))).expect("it is one's own");
    let successor = world.rotate(NOW, key).expect("it works");
    let named = world.identity.key(successor).expect("made").name.clone();
    assert_eq!(named.as_deref(), Some("bot"), "it is called the same");
    assert_eq!(world.rotate(NOW, key), Err(Reject::KeyEnded));
    assert!(world.works(key, NOW.plus_millis(DAY - 1)) && !world.works(key, NOW.plus_millis(DAY)));
    let own = world.own(successor);
    world.ask(NOW, &Command::RevokeKey(own)).expect("it is one's own");
    assert_eq!(world.rotate(NOW, successor), Err(Reject::KeyEnded), "what ended can't be rotated");
    assert_eq!(world.ask(NOW, &Command::RevokeKey(own)), Ok(Vec::new()), "revoking twice is no failure");
}

#[test]
fn anothers_key_is_not_there() {
    let mut world = World::admitted(Tier::Pro);
    let key = world.issue(NOW).expect("there is room");
    let other = world.identity.add_user(User::named("bob", Tier::Pro));
    let print = world.print();
    for own in [
        OwnKey { user: other, ..world.own(key) },
        OwnKey { scheme: Scheme::Papi, ..world.own(key) },
        world.own(KeyId(99)),
        world.own(KeyId(0)),
    ] {
        for command in
            [Command::RenameKey(own, None), Command::RotateKey(own, print.clone()), Command::RevokeKey(own)]
        {
            assert_eq!(world.ask(NOW, &command), Err(Reject::KeyNotFound), "{command:?}");
        }
    }
}

#[test]
fn a_beta_key_makes_its_user_and_keeps_its_cut_off_through_a_rotation() {
    let mut world = World::admitted(Tier::Free);
    let until = NOW.plus_millis(DAY);
    let print = world.print();
    let command = Command::IssueBetaKey {
        whom: Whom::Email("new@example.test".to_owned()),
        print,
        name: None,
        until,
        cohort: Some("spring".to_owned()),
    };
    world.ask(NOW, &command).expect("an administrator may");
    let user = world.identity.user(UserId(2)).expect("made").clone();
    assert!(user.allowlisted && user.plan == Tier::Free && user.cohorts == ["spring"]);
    let key = world.identity.key(KeyId(1)).expect("made").clone();
    assert_eq!((key.user, key.tier, key.beta_until), (UserId(2), Tier::Enterprise, Some(until)));
    // Who comes with a token for that address is that user.
    let subject = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    let join = Command::Join { subject: subject.to_owned(), email: user.email };
    world.ask(NOW, &join).expect("a valid token");
    assert_eq!(world.identity.subject(subject), Some(UserId(2)));
    assert_eq!(world.ask(NOW, &join), Ok(Vec::new()), "seen before");
    world.user = UserId(2);
    let successor = world.rotate(NOW, KeyId(1)).expect("it works");
    assert_eq!(world.identity.key(successor).expect("made").beta_until, Some(until));
    let later = until.plus_millis(1);
    assert!(world.works(successor, later) && !world.works(KeyId(1), later));
}

#[test]
fn a_cohort_has_so_many_places_and_a_deleted_user_none() {
    let mut world = World::admitted(Tier::Pro);
    let users: Vec<_> =
        ["b", "c"].iter().map(|name| world.identity.add_user(User::named(name, Tier::Pro))).collect();
    let enroll = |user| Command::Enroll(user, "spring".to_owned(), true);
    let ann = world.user;
    for user in [ann, users[0], ann] {
        world.ask(NOW, &enroll(user)).expect("a place, or the same again");
    }
    assert_eq!(world.ask(NOW, &enroll(users[1])), Err(Reject::CohortFull { active: 2, cap: 2 }));
    world.ask(NOW, &Command::DeleteUser(ann)).expect("there is one");
    world.ask(NOW, &enroll(users[1])).expect("a place came free");
    assert_eq!(world.ask(NOW, &Command::Allow(ann, true)), Err(Reject::UserNotFound));
    let unbounded = Command::Enroll(users[1], "another".to_owned(), true);
    world.ask(NOW, &unbounded).expect("a cohort without rules has no bound");
    world.ask(NOW, &Command::Enroll(users[1], "spring".to_owned(), false)).expect("it is a member");
    assert_eq!(world.identity.user(users[1]).expect("there").cohorts, ["another"]);
}

#[test]
fn a_deleted_users_token_makes_no_new_user() {
    let subject = "7d444840-9dc0-11d1-b245-5ffdce74fad2".to_owned();
    let mut world = World::of(User { subject: subject.clone(), ..User::default() }, Gates::default());
    world.ask(NOW, &Command::DeleteUser(world.user)).expect("there is one");
    let join = Command::Join { subject, email: String::new() };
    assert_eq!(world.ask(NOW, &join), Err(Reject::UserNotFound));
}

#[test]
fn nobody_has_keys_without_end() {
    let mut world = World::admitted(Tier::Pro);
    for _ in 0..KEYS_EVER_MAX - 1 {
        let key = world.issue(NOW).expect("the others were revoked");
        world.ask(NOW, &Command::RevokeKey(world.own(key))).expect("it is one's own");
    }
    let last = world.issue(NOW).expect("the last");
    let full = Reject::LimitReached("1000 keys a user".to_owned());
    assert_eq!(world.issue(NOW), Err(full.clone()));
    assert_eq!(world.rotate(NOW, last), Err(full), "a rotation makes one, too");
    assert!(world.works(last, NOW));
}
