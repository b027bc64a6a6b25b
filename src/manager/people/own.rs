//! What somebody who is signed in changes of their own sign-in. Password and second factor take the password once more: a sign-in
//! that somebody else has got hold of is not enough. They end the user's other sign-ins.

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{
    Kept, Line, People, Refused, TOTP, User, UserName, locked,
    password::{self, NoHash},
    sessions::SessionId,
    throttle::Key,
    totp,
};
use crate::gateway::storage::{Expected, StoreError};

impl People {
    /// The user whose password this is. Counted apart from sign-ins: who keeps failing outside keeps nobody waiting here.
    async fn confirmed(&self, name: &UserName, password: SecretString) -> Result<Kept, Refused> {
        let now = self.now();
        let keys = [Key::Signed(name.to_string())];
        {
            let mut throttle = locked(&self.throttle);
            if let Some(wait) = throttle.wait_ms(&keys, now) {
                return Err(Refused::Throttled(wait.div_ceil(1000)));
            }
            // Counted before it is compared, or many at once would all be the first.
            throttle.failed(&keys, now);
        }
        let kept = self.find(name).await?.ok_or(Refused::Unknown)?;
        let fits = password.expose_secret().len() <= password::MAX_BYTES;
        let same = if fits { self.passwords.is(kept.user.password.as_deref(), password).await } else { Ok(false) };
        match same {
            Ok(true) => {
                locked(&self.throttle).take_back(&keys);
                Ok(kept)
            }
            Ok(false) => {
                self.tell_slowed(&keys, Some(name));
                Err(Refused::SignIn)
            }
            Err(NoHash) => {
                locked(&self.throttle).take_back(&keys);
                Err(Refused::Throttled(1))
            }
        }
    }

    /// That it is the user who asks, before something is done that a sign-in alone must not do.
    pub(in crate::manager) async fn confirm(&self, name: &UserName, password: SecretString) -> Result<(), Refused> {
        self.confirmed(name, password).await.map(drop)
    }

    /// In one turn with the end of all other sign-ins, so that none begins in between by what was good before.
    async fn renew(
        &self,
        (id, name): (SessionId, &UserName),
        (version, user): (u64, &User),
        line: Line,
    ) -> Result<(), Refused> {
        let _turn = self.changing.lock().await;
        // Before, too: what is given up in the middle must not leave anybody signed in as before.
        self.sessions.end_of(name, Some(id));
        self.put(name, Expected::Version(version), user, line).await?;
        self.sessions.end_of(name, Some(id));
        Ok(())
    }

    pub(in crate::manager) async fn change_password(
        &self,
        (id, name): (SessionId, &UserName),
        old: SecretString,
        new: SecretString,
    ) -> Result<(), Refused> {
        let Kept { version, user, .. } = self.confirmed(name, old).await?;
        password::check(&new, name.as_str())?;
        let user = User { password: Some(self.passwords.hash(new).await?), ..user };
        let line = self.line(name.as_str(), "user.password", name.as_str());
        self.renew((id, name), (version, &user), line).await
    }

    /// A secret for an authenticator app, kept once a code of it is shown.
    pub(in crate::manager) fn new_totp() -> Zeroizing<Vec<u8>> {
        Zeroizing::new(rand::random::<[u8; totp::SECRET_BYTES]>().to_vec())
    }

    /// In place of the one there was, if there was one.
    pub(in crate::manager) async fn set_totp(
        &self,
        (id, name): (SessionId, &UserName),
        password: SecretString,
        (secret, code): (&[u8], &str),
    ) -> Result<(), Refused> {
        let step = totp::accepts(secret, code, self.now(), 0).ok_or(Refused::Code)?;
        let Kept { version, user, .. } = self.confirmed(name, password).await?;
        let sealed = self.sealer.seal(TOTP, secret).map_err(|_unexplained| Refused::Sealed)?;
        let user = User { totp: Some(sealed), totp_used: step, ..user };
        let line = self.line(name.as_str(), "user.second_factor", name.as_str()).after("on");
        self.renew((id, name), (version, &user), line).await
    }

    pub(in crate::manager) async fn drop_totp(
        &self,
        (id, name): (SessionId, &UserName),
        password: SecretString,
    ) -> Result<(), Refused> {
        let Kept { version, user, .. } = self.confirmed(name, password).await?;
        let user = User { totp: None, totp_used: 0, ..user };
        let line = self.line(name.as_str(), "user.second_factor", name.as_str()).after("off");
        self.renew((id, name), (version, &user), line).await
    }

    /// Another sign-in of the user's, by how it is shown.
    pub(in crate::manager) async fn end_own(&self, name: &UserName, shown: &str) -> Result<(), StoreError> {
        if self.sessions.end_shown(name, shown) {
            self.tell(self.line(name.as_str(), "signed_out_elsewhere", name.as_str())).await?;
        }
        Ok(())
    }
}
