//! The set's own verbs on the simulated network.

use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::deterministic_secure_broadcast::ProposeError;
use crate::net::{Net, Subject};
use crate::orswot::{Member, Orswot};

impl<M: Member + DeserializeOwned + 'static> Net<Orswot<M>> {
    /// `who` adds `member` to the set.
    ///
    /// # Errors
    /// [`ProposeError`] of its replica.
    ///
    /// # Panics
    /// When `who` is down or no member.
    pub fn add(&mut self, who: &Actor, member: M) -> Result<(), ProposeError> {
        let op = self.ahead(who).add(member);
        self.propose(who, op)
    }

    /// `who` removes `member` from the set, if `who` sees it there. Whether it does.
    ///
    /// # Errors
    /// [`ProposeError`] of its replica.
    ///
    /// # Panics
    /// When `who` is down or no member.
    pub fn remove(&mut self, who: &Actor, member: &M) -> Result<bool, ProposeError> {
        let bytes = self.genesis().limits().op_bytes();
        let Some(op) = self.ahead(who).remove(member) else {
            return Ok(false);
        };
        self.propose_all(who, op.within(bytes))?;
        Ok(true)
    }
}

impl Subject {
    /// A set of 16 things that members add and remove.
    #[must_use]
    #[inline]
    pub fn set() -> Self {
        Self::new(
            "set",
            |builder| builder,
            |set: &Orswot<u8>, _, pick| {
                let member = (pick >> 1) as u8 % 16;
                match pick & 1 {
                    0 => Some(set.add(member)),
                    _ => set.remove(&member),
                }
            },
        )
    }
}
