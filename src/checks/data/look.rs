//! Asks the rungs one after another, within the time of the attempt.

#![allow(clippy::disallowed_methods, reason = "a socket's time limit is real")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::judge::{self, Saw};
use super::{compare, mysql, postgres, write};
use crate::dial::{Failure, Stage, bounded, peer};
use crate::observation::Secrets;
use crate::sql::{Access, Refused, Row, Session, Target, Why, text};
use crate::{DataSeen, Net, Observation};
use base::redact;
use base::rung::{Rung, RungHealth};
use playbook::data::{self, Boundary, Canary, DataCheck, DataRung};
use playbook::reference::{LastPassed, Reference};

/// What is left of the attempt's time for its end.
const SPARE: Duration = Duration::from_millis(500);

/// What the data are compared with.
enum Against {
    Nothing,
    Reference(Box<Reference>),
    /// `None`: no run that counted has passed yet.
    LastPassed(Option<LastPassed>),
}

/// Makes one attempt of a check of data.
pub async fn data(spec: &DataCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    if let Some(value) = spec.canary.as_ref().and_then(|canary| canary.equals.as_deref()) {
        redact::register(value);
        secrets.add(value);
    }
    let target = match Target::of(&Access::from(spec), net, &mut secrets) {
        Ok(target) => target,
        Err(failure) => return failure.without(&secrets),
    };
    let against = match Against::read(spec, net) {
        Ok(against) => against,
        Err(failure) => return failure.without(&secrets),
    };
    let stage = Stage::new();
    let limit = spec.timeout();
    let until = Instant::now() + limit.saturating_sub(SPARE.min(limit / 4));
    let attempt = async {
        let session = Session::open(&target, net, &stage, limit).await?;
        stage.enter("asking the rungs");
        let mut climb = Climb { spec, net, target: &target, session, against, until, rows: BTreeMap::new() };
        let seen = climb.all().await;
        climb.session.close().await;
        Ok(seen)
    };
    let seen = bounded(limit, &stage, &peer(net, &target.host, target.port), &secrets, attempt).await;
    scrubbed(seen, &secrets)
}

/// Errors of the server may quote what was sent to it.
fn scrubbed(seen: Observation, secrets: &Secrets) -> Observation {
    let clean = |rung: Rung| Rung {
        observed: secrets.scrub(&rung.observed),
        why: rung.why.map(|why| secrets.scrub(&why)),
        ..rung
    };
    let data = seen.data.map(|data| {
        let DataSeen { rungs, rows } = *data;
        Box::new(DataSeen { rungs: rungs.into_iter().map(clean).collect(), rows })
    });
    Observation {
        observed: secrets.scrub(&seen.observed),
        why: seen.why.map(|why| secrets.scrub(&why)),
        data,
        ..seen
    }
}

impl Against {
    fn read(spec: &DataCheck, net: &Net) -> Result<Self, Failure> {
        let Some(against) = &spec.against else { return Ok(Self::Nothing) };
        let unread = |why: String| {
            let help = "make it with `drillmaster data snapshot URL -o FILE`";
            Failure::not_asked(format!("the reference `{against}`: {why}; {help}"))
        };
        if data::is_last_passed(against) {
            return Ok(Self::LastPassed(net.kept(against).map(LastPassed::read)));
        }
        let text = net.read(against).map_err(|error| unread(format!("it cannot be read: {error}")))?;
        let reference = Reference::read(&text).map_err(|wrong| unread(wrong.message))?;
        Ok(Self::Reference(Box::new(reference)))
    }

    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::Nothing | Self::LastPassed(_) => None,
        }
    }
}

struct Climb<'a> {
    spec: &'a DataCheck,
    net: &'a Net,
    target: &'a Target,
    session: Session,
    against: Against,
    until: Instant,
    rows: BTreeMap<String, u64>,
}

impl Climb<'_> {
    async fn all(&mut self) -> Observation {
        let mut rungs = Vec::new();
        // Why the rungs that are left cannot be asked any more.
        let mut over: Option<String> = None;
        for rung in self.spec.asked() {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() && over.is_none() {
                over = Some("time was up before it: raise `timeout`".to_owned());
            }
            let saw = match &over {
                Some(why) => Saw::unknown("not asked", why.as_str()),
                // What a query that is given up left on the way would be taken for the next answer.
                None => match tokio::time::timeout(left, self.one(rung, left)).await {
                    Ok(Ok(saw)) => saw,
                    Ok(Err(refused)) => {
                        if refused.why == Why::Lost {
                            over = Some(format!("the connection ended during `{rung}`"));
                        }
                        self.session.roll_back().await;
                        told(&refused)
                    }
                    Err(_) => {
                        over = Some(format!("time was up during `{rung}`: raise `timeout`"));
                        Saw::unknown(
                            "no answer",
                            "time was up while it was asked: raise `timeout`, or ask it in a check of its own",
                        )
                    }
                },
            };
            rungs.push(saw.of(rung));
        }
        Observation::of_rungs(rungs, std::mem::take(&mut self.rows))
    }

    async fn one(&mut self, rung: DataRung, left: Duration) -> Result<Saw, Refused> {
        if rung == DataRung::Write {
            return write::write(&mut self.session, self.target, self.net).await;
        }
        self.session.begin(left).await?;
        // Rows that a policy hides from the user would count as missing, or as right. So the server
        // refuses to look through one, and the rung is unknown.
        if matches!(self.session, Session::Postgres(_)) {
            self.session.rows("set local row_security = off").await?;
        }
        let saw = match rung {
            DataRung::Structure => {
                let now = self.structure().await?;
                self.compared(|reference| compare::structure(&now, reference))
            }
            DataRung::Volume => self.volume().await?,
            DataRung::Sequences => match &mut self.session {
                Session::Postgres(_) => postgres::sequences(&mut self.session).await?,
                Session::MySql(_) => mysql::sequences(&mut self.session).await?,
            },
            DataRung::Collations => match &mut self.session {
                Session::Postgres(_) => {
                    postgres::collations(&mut self.session, self.against.reference()).await?
                }
                Session::MySql(_) => {
                    let now = mysql::collations(&mut self.session).await?;
                    self.compared(|reference| compare::collations(&now, reference))
                }
            },
            DataRung::Extensions => {
                let now = match &mut self.session {
                    Session::Postgres(_) => postgres::extensions(&mut self.session).await?,
                    Session::MySql(_) => mysql::extensions(&mut self.session).await?,
                };
                let advice = "create them, or let the server load them (parameter group, option group)";
                self.compared(|reference| {
                    compare::named("extension", &now, reference.extensions.as_ref(), advice)
                })
            }
            DataRung::Roles => {
                let now = match &mut self.session {
                    Session::Postgres(_) => postgres::roles(&mut self.session).await?,
                    Session::MySql(_) => mysql::roles(&mut self.session).await?,
                };
                let advice =
                    "a dump of one database has no roles: restore them too (`pg_dumpall --roles-only`)";
                self.compared(|reference| compare::named("role", &now, reference.roles.as_ref(), advice))
            }
            DataRung::Indexes => match &mut self.session {
                Session::Postgres(_) => postgres::indexes(&mut self.session).await?,
                Session::MySql(_) => mysql::indexes(&mut self.session).await?,
            },
            DataRung::ForeignKeys => match &mut self.session {
                Session::Postgres(_) => postgres::foreign_keys(&mut self.session).await?,
                Session::MySql(_) => mysql::foreign_keys(&mut self.session).await?,
            },
            DataRung::Canary => match &self.spec.canary {
                Some(canary) => self.canary(canary).await?,
                None => Saw::unknown("not asked", "the check has no `canary`"),
            },
            DataRung::Boundary => match &self.spec.boundary {
                Some(boundary) => self.boundary(boundary).await?,
                None => Saw::unknown("not asked", "the check has no `boundary`"),
            },
            DataRung::Outward => match &mut self.session {
                Session::Postgres(_) => postgres::outward(&mut self.session).await?,
                Session::MySql(_) => mysql::outward(&mut self.session).await?,
            },
            DataRung::Write => Saw::unknown("not asked", "it has no transaction that reads"),
        };
        self.session.roll_back().await;
        Ok(saw)
    }

    fn compared(&self, judge: impl FnOnce(&Reference) -> Saw) -> Saw {
        match self.against.reference() {
            Some(reference) => judge(reference),
            None => Saw::unknown("not compared", "the check has no reference (`against`)"),
        }
    }

    async fn structure(&mut self) -> Result<Reference, Refused> {
        match &mut self.session {
            Session::Postgres(_) => postgres::structure(&mut self.session).await,
            Session::MySql(_) => mysql::structure(&mut self.session).await,
        }
    }

    async fn volume(&mut self) -> Result<Saw, Refused> {
        let tables = match &mut self.session {
            Session::Postgres(_) => postgres::tables(&mut self.session).await?,
            Session::MySql(_) => mysql::tables(&mut self.session).await?,
        };
        let wanted = self.against.reference().map(Reference::rows);
        let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains_key(name));
        let tables: BTreeMap<_, _> = tables.into_iter().filter(|(name, _)| is_wanted(name)).collect();
        self.rows = count(&mut self.session, &tables).await?;
        let tolerance = self.spec.tolerance();
        Ok(match &self.against {
            Against::LastPassed(past) => judge::volume_since(&self.rows, past.as_ref(), tolerance),
            Against::Reference(_) | Against::Nothing => {
                judge::volume(&self.rows, wanted.as_ref(), tolerance, "the reference")
            }
        })
    }

    /// No text of the server is told: it may quote the canary.
    async fn canary(&mut self, canary: &Canary) -> Result<Saw, Refused> {
        let rows = match self.session.rows(&canary.query).await {
            Ok(rows) => rows,
            Err(refused) => return of_the_user(refused, |refused| refused.code.clone()),
        };
        let Some(row) = rows.first() else {
            return Ok(Saw::wrong(
                "no row",
                "the canary is not there: the point is older than it, or data are lost",
            ));
        };
        let Some(found) = row.first().and_then(Option::as_deref) else {
            return Ok(Saw::wrong("NULL", "the canary has no value"));
        };
        let same = match (&canary.equals, &canary.sha256) {
            (Some(wanted), _) => found == wanted.as_bytes(),
            (None, Some(sum)) => data::sha256(sum) == Some(base::digest::sha256(found)),
            (None, None) => false,
        };
        Ok(if same {
            Saw::fine("it is there, byte for byte")
        } else {
            Saw::wrong("another value", "the canary is there, and not byte for byte what it was")
        })
    }

    async fn boundary(&mut self, boundary: &Boundary) -> Result<Saw, Refused> {
        let before = match self.session.rows(&boundary.before).await {
            Ok(rows) => is_there(&rows),
            Err(refused) => return of_the_user(refused, |refused| refused.message.clone()),
        };
        let after = match self.session.rows(&boundary.after).await {
            Ok(rows) => is_there(&rows),
            Err(refused) => return of_the_user(refused, |refused| refused.message.clone()),
        };
        Ok(match (before, after) {
            (true, false) => Saw::fine("the row before is there, the row after is not"),
            (false, false) => {
                Saw::wrong("the row before is missing", "it was restored to an earlier instant")
            }
            (true, true) => Saw::wrong("the row after is there", "it was restored to a later instant"),
            (false, true) => Saw::wrong(
                "the row before is missing, the row after is there",
                "what lies between was lost, or the two queries are mixed up",
            ),
        })
    }
}

/// Counts the rows of tables. The names of a table: in reports, and in SQL.
pub(super) async fn count(
    session: &mut Session,
    tables: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, u64>, Refused> {
    let mut rows = BTreeMap::new();
    for (name, quoted) in tables {
        let number = session.value(&format!("select count(*) from {quoted}")).await?;
        rows.insert(name.clone(), number.parse().unwrap_or_default());
    }
    Ok(rows)
}

/// Whether a query of a boundary found its row.
fn is_there(rows: &[Row]) -> bool {
    let Some(row) = rows.first() else { return false };
    row.first().is_some_and(Option::is_some) && !matches!(text(row, 0).as_str(), "0" | "f" | "false")
}

/// What the user's own query names and the database does not have is missing in the data.
fn of_the_user(refused: Refused, said: impl Fn(&Refused) -> String) -> Result<Saw, Refused> {
    let message = said(&refused);
    Ok(match refused.why {
        Why::Missing | Why::Other => Saw::wrong(
            "the query failed",
            format!(
                "the query failed: {message}; has the table been restored, and is this the right database?"
            ),
        ),
        Why::Denied => Saw::unknown("not asked", format!("the user may not read it: {message}")),
        Why::TimedOut => Saw::unknown("no answer", format!("the query took too long: {message}")),
        Why::ReadOnly => Saw::unknown("not asked", format!("the query would write: {message}")),
        Why::Lost => return Err(Refused { message, ..refused }),
    })
}

/// A rung whose queries failed. What this server or this user cannot be asked is unknown.
fn told(refused: &Refused) -> Saw {
    let message = &refused.message;
    match refused.why {
        Why::Denied => Saw::unknown(
            "not asked",
            format!("the user may not ask it: {message}; grant what it needs, or leave the rung out"),
        ),
        Why::Missing => {
            Saw::unknown("not asked", format!("this version of the server cannot be asked: {message}"))
        }
        Why::TimedOut => Saw::unknown("no answer", format!("it took too long: {message}; raise `timeout`")),
        Why::ReadOnly => Saw::unknown("not asked", message.as_str()),
        Why::Lost => Saw::unknown("no answer", format!("the connection ended: {message}")),
        // Damaged pages and the like.
        Why::Other => Saw {
            health: RungHealth::Unhealthy,
            ..Saw::unknown("an error of the server", format!("the server cannot read it: {message}"))
        },
    }
}
