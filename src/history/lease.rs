//! Leases: who may run drills of a playbook now, over all machines that share a store.
//!
//! A lease has an epoch: a number that only grows. To take a lease, to renew it and to give it back is
//! to make the object of the next epoch. A store makes an object only where none is, so each epoch has
//! one holder.
//!
//! Clocks of machines differ and jump. So nobody compares the clock of another one: a holder that has
//! not renewed for [`Terms::lasts`] by its own uptime has lost its lease, and another process takes it
//! once it has seen the same epoch for that time *and* [`Terms::margin`] by its own uptime.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use base::duration::Time;

use crate::objects::{Put, StoreError, is_part};
use crate::store::Store;

/// Where leases lie.
pub const FOLDER: &str = "leases";

/// How long a lease is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A holder that has not renewed for so long stops.
    pub lasts: Duration,
    /// How much longer others wait.
    pub margin: Duration,
}

impl Terms {
    pub fn lasting(lasts: Duration) -> Self {
        Self { lasts, margin: lasts / 4 }
    }

    /// When a holder renews, and tries again if it failed.
    pub fn renewed_after(&self) -> Duration {
        self.lasts / 3
    }

    /// When a holder that cannot renew begins to stop.
    pub fn given_up_after(&self) -> Duration {
        self.lasts * 2 / 3
    }
}

/// A process that holds leases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// One of its own for each process: two with the same would take each other for themselves.
    pub id: String,
    pub host: String,
    pub pid: u32,
}

/// An epoch of a lease, as it lies in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    pub holder: Holder,
    /// When it was made, and until when it is good, by the holder's clock. For people: see above.
    pub at: Time,
    pub expires: Time,
    /// How long it is good for.
    pub lasts_s: f64,
    /// The holder gave it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

/// A lease that this process holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub epoch: u64,
    /// This process's uptime when it last asked for the lease and got it.
    since: Duration,
}

/// A lease of another process: the epoch, and since when this process has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    epoch: u64,
    since: Duration,
}

/// One process's view of one lease.
#[derive(Debug)]
pub struct Claimant {
    name: String,
    me: Holder,
    terms: Terms,
    held: Option<Held>,
    seen: Option<Seen>,
}

/// What became of a try to take or to renew.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// This process holds it.
    Mine,
    /// Another process holds it, or held it until a moment ago.
    Theirs(Box<Lease>),
}

impl Claimant {
    /// # Errors
    /// `name` cannot be a part of a key, as a text for the user.
    pub fn new(name: &str, me: Holder, terms: Terms) -> Result<Self, String> {
        if !is_part(name) {
            return Err(format!("`{}` cannot be the name of a lease", name.escape_debug()));
        }
        Ok(Self { name: name.to_owned(), me, terms, held: None, seen: None })
    }

    pub fn me(&self) -> &Holder {
        &self.me
    }

    /// The lease, if this process has it and it is still good.
    pub fn held(&self, uptime: Duration) -> Option<&Held> {
        self.held.as_ref().filter(|held| uptime.saturating_sub(held.since) < self.terms.lasts)
    }

    /// When the lease has surely run out, as uptime. Whoever keeps it ends its run before; this is a
    /// little later, and before others take it.
    pub fn ends(&self) -> Option<Duration> {
        let Terms { lasts, margin } = &self.terms;
        self.held.as_ref().map(|held| held.since + *lasts + *margin / 2)
    }

    /// Whether it is time to renew.
    pub fn is_due(&self, uptime: Duration) -> bool {
        self.held(uptime).is_some_and(|held| uptime.saturating_sub(held.since) >= self.terms.renewed_after())
    }

    /// Whether whoever holds it should stop: it could not be renewed for long.
    pub fn is_fading(&self, uptime: Duration) -> bool {
        self.held.as_ref().is_none_or(|held| uptime.saturating_sub(held.since) >= self.terms.given_up_after())
    }

    /// Takes the lease, or renews it.
    ///
    /// # Errors
    /// The store cannot be asked. Whether the lease was taken is unknown; it does not count as held
    /// for longer than before.
    pub fn take(&mut self, store: &Store, now: Time, uptime: Duration) -> Result<Taken, StoreError> {
        let last = self.last(store)?;
        let epoch = last.as_ref().map_or(0, |(epoch, _)| *epoch);
        if let Some((_, lease)) = last {
            let is_mine = lease.holder == self.me;
            if is_mine && !lease.released {
                // A lease that ran out is taken anew like any other: others may be about to take it.
                if self.held(uptime).is_none() && !self.has_waited(epoch, uptime) {
                    return Ok(Taken::Theirs(Box::new(lease)));
                }
            } else {
                self.held = None;
                if !lease.released && !self.has_waited(epoch, uptime) {
                    return Ok(Taken::Theirs(Box::new(lease)));
                }
            }
        }
        self.make(store, epoch + 1, now, uptime, false)
    }

    /// Gives the lease back, so that nobody has to wait.
    pub fn release(&mut self, store: &Store, now: Time, uptime: Duration) -> Result<(), StoreError> {
        let Some(held) = self.held.take() else { return Ok(()) };
        self.make(store, held.epoch + 1, now, uptime, true)?;
        self.held = None;
        Ok(())
    }

    /// Whether nobody renewed this epoch for as long as this process has watched it.
    fn has_waited(&mut self, epoch: u64, uptime: Duration) -> bool {
        match &self.seen {
            Some(seen) if seen.epoch == epoch => {
                uptime.saturating_sub(seen.since) > self.terms.lasts + self.terms.margin
            }
            Some(_) | None => {
                self.seen = Some(Seen { epoch, since: uptime });
                false
            }
        }
    }

    fn make(
        &mut self,
        store: &Store,
        epoch: u64,
        now: Time,
        uptime: Duration,
        released: bool,
    ) -> Result<Taken, StoreError> {
        let lasts = if released { Duration::ZERO } else { self.terms.lasts };
        let lease = Lease {
            holder: self.me.clone(),
            at: now,
            expires: chrono::Duration::from_std(lasts)
                .ok()
                .and_then(|lasts| now.checked_add_signed(lasts))
                .unwrap_or(now),
            lasts_s: lasts.as_secs_f64(),
            released,
        };
        let key = self.key(epoch);
        let bytes =
            serde_json::to_vec_pretty(&lease).map_err(|error| StoreError::new(store.place(), error))?;
        let theirs = match store.create(&key, &bytes)? {
            Put::Made => None,
            // A write whose answer was lost looks like this too.
            Put::Exists => Some(read(store, &key)?).filter(|found| *found != lease),
        };
        if let Some(theirs) = theirs {
            self.held = None;
            self.seen = Some(Seen { epoch, since: uptime });
            return Ok(Taken::Theirs(Box::new(theirs)));
        }
        self.held = (!released).then_some(Held { epoch, since: uptime });
        self.seen = None;
        Ok(Taken::Mine)
    }

    fn key(&self, epoch: u64) -> String {
        format!("{FOLDER}/{}/{epoch}.json", self.name)
    }

    /// The last epoch. Those after the last one that is known are read one by one.
    fn last(&self, store: &Store) -> Result<Option<(u64, Lease)>, StoreError> {
        let known = self.held.as_ref().map(|held| held.epoch).max(self.seen.as_ref().map(|seen| seen.epoch));
        let mut last = match known {
            Some(epoch) => Some((epoch, read(store, &self.key(epoch))?)),
            None => self.listed(store)?,
        };
        loop {
            let next = last.as_ref().map_or(1, |(epoch, _)| epoch + 1);
            match store.objects().read(&self.key(next))? {
                Some(bytes) => last = Some((next, parsed(store, &self.key(next), &bytes)?)),
                None => return Ok(last),
            }
        }
    }

    fn listed(&self, store: &Store) -> Result<Option<(u64, Lease)>, StoreError> {
        let prefix = format!("{FOLDER}/{}/", self.name);
        let listing = store.objects().list(&format!("{FOLDER}/{}", self.name))?;
        let epochs = listing.objects.iter().filter_map(|object| {
            object.key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse::<u64>().ok()
        });
        let Some(epoch) = epochs.max() else { return Ok(None) };
        Ok(Some((epoch, read(store, &self.key(epoch))?)))
    }
}

fn read(store: &Store, key: &str) -> Result<Lease, StoreError> {
    let bytes = store.objects().read(key)?.ok_or_else(|| {
        StoreError::new(store.place(), format!("{key} is gone; nothing in a store may be removed"))
    })?;
    parsed(store, key, &bytes)
}

fn parsed(store: &Store, key: &str, bytes: &[u8]) -> Result<Lease, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let help = "end all that serve this playbook, and remove its folder of leases";
        StoreError::new(store.place(), format!("{key} is damaged: {error}; {help}"))
    })
}
