//! What changes a sign-in and what begins one take turns.

use tokio::time::timeout;

use super::*;
use crate::store::memory::Memory;

const PASSWORD: &str = "correct horse battery staple";

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

fn people() -> People {
    let terms = Terms { idle: Duration::from_secs(1800), absolute: Duration::from_secs(36_000) };
    let parts = (Arc::new(Memory::default()) as Arc<dyn Store>, Sealer::from_key([7; 32]));
    People::new(parts, (Clock::system(), Arc::default()), terms).unwrap()
}

#[tokio::test(start_paused = true)]
async fn s1_nothing_that_guards_a_sign_in_changes_while_another_begins() {
    let people = people();
    let link = people.first_link().await.unwrap().unwrap();
    let name = people.begin(&link, "chief", password(PASSWORD)).await.unwrap();
    let origin = Origin { address: None, browser: "", known: None };
    let token = people.sign_in(("chief", password(PASSWORD), ""), origin).await.unwrap();
    let (id, _) = people.session(&token).unwrap();
    let invited = people.invite_again("chief", &name, None).await.unwrap();
    let (secret, other) = ([7; totp::SECRET_BYTES], "quite another long password");
    let code = totp::code(&secret, people.now().0.div_euclid(30_000));

    let turn = people.changing.lock().await;
    let soon = Duration::from_secs(1);
    let whose = (id, &name);
    assert!(timeout(soon, people.change_password(whose, password(PASSWORD), password(other))).await.is_err());
    assert!(timeout(soon, people.set_totp(whose, password(PASSWORD), (&secret, &code))).await.is_err());
    assert!(timeout(soon, people.drop_totp(whose, password(PASSWORD))).await.is_err());
    assert!(timeout(soon, people.invite_again("chief", &name, None)).await.is_err());
    assert!(timeout(soon, people.accept("chief", &invited, password(other))).await.is_err());
    assert!(timeout(soon, people.end_all("chief", &name)).await.is_err());
    drop(turn);
    assert!(people.session(&token).is_some(), "nothing was done yet");
    people.change_password(whose, password(PASSWORD), password(other)).await.unwrap();
    people.set_totp(whose, password(other), (&secret, &code)).await.unwrap();
}
