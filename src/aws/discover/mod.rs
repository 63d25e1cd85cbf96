//! Reads live accounts into an estate.
//!
//! Only calls that read are made, one file for each service. What a service says alone is a
//! [`Found`](found::Found). `join` puts the places together, because a copy, a share or a replica is
//! often known at the other end only.

mod backup;
mod cloud_control;
mod cloudformation;
mod dynamodb;
mod ec2;
mod efs;
mod found;
mod guard;
mod join;
mod keys;
mod lag;
mod pace;
mod quotas;
mod rds;
mod records;
mod s3;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

pub use self::cloud_control::NOT_READ;

use self::found::Found;
use self::pace::Pacer;
use super::Aws;
use super::access::Clients;
use super::caller::on_behalf;
use super::ec2::filter;
use super::error::OrCloud;
use super::points::search::{Search, Target};
use base::duration::Time;
use base::ids::{AccountId, AzId, Region};
use estate::discovered::Discovered;
use estate::file::Incomplete;
use port::{CloudError, CloudResult, ErrorKind, Place, Zone};

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The accounts, with their names.
    pub accounts: Vec<(AccountId, String)>,
    /// Empty: all regions that are enabled in each account.
    pub regions: Vec<Region>,
    /// Empty: all services.
    pub services: Vec<&'static Service>,
}

/// A service that can be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// As `--services` takes it.
    pub name: &'static str,
    /// The calls that read it, by their names in IAM's actions. Cloud Control makes calls of its own
    /// with the caller's permissions: they count.
    pub calls: &'static [&'static str],
}

/// The calls that every reading makes: which regions and zones there are.
pub const PLACES: &[&str] = &["ec2:DescribeAvailabilityZones", "ec2:DescribeRegions"];

/// The services with an SDK client of their own.
const OWN: [&Service; 8] = [
    &ec2::SERVICE,
    &rds::SERVICE,
    &s3::SERVICE,
    &cloudformation::SERVICE,
    &backup::SERVICE,
    &dynamodb::SERVICE,
    &efs::SERVICE,
    &quotas::SERVICE,
];

/// All services.
pub fn services() -> &'static [Service] {
    static ALL: std::sync::LazyLock<Vec<Service>> = std::sync::LazyLock::new(|| {
        let own = OWN.into_iter().map(|service| Service { name: service.name, calls: service.calls });
        own.chain(cloud_control::services()).collect()
    });
    &ALL
}

/// How the reading goes on. `region` is `None` for global services.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    Began {
        account: &'a AccountId,
        region: Option<&'a Region>,
        service: &'static str,
    },
    Ended {
        account: &'a AccountId,
        region: Option<&'a Region>,
        service: &'static str,
        resources: usize,
        points: usize,
    },
    /// Something of it could not be read. What could is kept.
    Failed {
        account: &'a AccountId,
        region: Option<&'a Region>,
        service: &'static str,
        why: &'a str,
    },
}

/// Stands for the service where a whole account or region could not be read.
pub const EVERYTHING: &str = "all services";

/// How many services are read at once, over all places. Each has one request under way.
const AT_ONCE: usize = 96;

/// Where a service is read.
pub(crate) struct Here<'a> {
    pub aws: &'a Aws,
    pub clients: Rc<Clients>,
    pub place: Place,
    pub zones: Rc<Vec<Zone>>,
    pub now: Time,
    /// The accounts that are read, to tell shares among them.
    pub accounts: &'a BTreeSet<AccountId>,
    pacer: &'a Pacer,
}

impl Here<'_> {
    /// Waits until the call may be made.
    pub async fn turn(&self, call: &str) {
        self.pacer.turn(&self.place, call).await;
    }

    /// A zone by its id or, where the answer lacks it, by its name in this account. Local Zones are
    /// known by their ids only.
    pub fn zone_of(&self, id: Option<&str>, name: Option<&str>) -> Option<AzId> {
        id.and_then(|id| id.parse().ok()).or_else(|| self.zone(name))
    }

    /// The id of a zone by its name in this account.
    pub fn zone(&self, name: Option<&str>) -> Option<AzId> {
        let name = name?;
        self.zones.iter().find(|zone| zone.name == name).map(|zone| zone.id.clone())
    }

    pub fn account(&self) -> &AccountId {
        &self.place.account
    }

    pub fn region(&self) -> &Region {
        &self.place.region
    }

    /// For the readers of single points, which a drill uses as well.
    pub fn search(&self) -> Search<'_> {
        Search { place: &self.place, target: Target::Point(""), reader: None, now: self.now }
    }

    /// Makes one call that has no pages.
    pub async fn call<T, E>(&self, call: &str, request: impl Future<Output = Result<T, E>>) -> CloudResult<T>
    where
        Result<T, E>: OrCloud<T>,
    {
        self.turn(call).await;
        request.await.or_cloud(call)
    }
}

/// Reads all pages of a list, each in its turn. A page that fails makes the list an error, never a
/// shorter list. `$next` names the field that tells whether there is another page.
macro_rules! listed {
    ($here:expr, $call:expr, $items:ident, $next:ident, $request:expr) => {{
        let mut all = Vec::new();
        let mut pages = $request.into_paginator().send();
        loop {
            $here.turn($call).await;
            let Some(page) = pages.next().await else { break Ok(all) };
            match $crate::error::OrCloud::or_cloud(page, $call) {
                Ok(page) => {
                    let more = page.$next.as_deref().is_some_and(|token| !token.is_empty());
                    all.extend(page.$items.unwrap_or_default());
                    if !more {
                        break Ok(all);
                    }
                }
                Err(error) => break Err(error),
            }
        }
    }};
}
use listed;

/// One piece of work: services of one place, one after the other.
struct Job {
    place: Place,
    is_global: bool,
    services: Vec<&'static Service>,
}

/// A place whose regions and zones are known.
struct Open {
    clients: Rc<Clients>,
    zones: Rc<Vec<Zone>>,
}

impl Aws {
    /// Reads the accounts. What could not be read is told and kept apart. An error means that
    /// nothing at all could be read.
    pub async fn discover(&self, scope: &Scope, progress: &dyn Fn(Progress<'_>)) -> CloudResult<Discovered> {
        self.discover_at(scope, progress, true).await
    }

    /// Like [`discover`](Self::discover), as fast as the peer of a test can answer.
    #[doc(hidden)]
    pub async fn discover_at_once(
        &self,
        scope: &Scope,
        progress: &dyn Fn(Progress<'_>),
    ) -> CloudResult<Discovered> {
        self.discover_at(scope, progress, false).await
    }

    async fn discover_at(
        &self,
        scope: &Scope,
        progress: &dyn Fn(Progress<'_>),
        at_pace: bool,
    ) -> CloudResult<Discovered> {
        on_behalf("discover", Box::pin(self.read_all(scope, progress, at_pace))).await
    }

    async fn read_all(
        &self,
        scope: &Scope,
        progress: &dyn Fn(Progress<'_>),
        at_pace: bool,
    ) -> CloudResult<Discovered> {
        let pacer = Pacer::new(self.config.clock.clone(), at_pace);
        let now = self.config.clock.now();
        let accounts: BTreeSet<AccountId> = scope.accounts.iter().map(|(id, _)| id.clone()).collect();
        let mut joined = join::Joined::new(&scope.accounts);
        let mut first_error = None;

        let mut places = Vec::new();
        let regions = accounts
            .iter()
            .map(async |account| (account, Box::pin(self.regions_of(account, scope, &pacer)).await));
        for (account, regions) in join_all(regions).await {
            match regions {
                Ok(regions) => places
                    .extend(regions.into_iter().map(|region| Place { account: account.clone(), region })),
                Err(error) => {
                    told(progress, account, None, &error.to_string());
                    joined.incomplete.push(incomplete(account, None, None, error.to_string()));
                    first_error.get_or_insert(error);
                }
            }
        }
        let mut open = BTreeMap::new();
        let opening = places.iter().map(async |place| (place, Box::pin(self.open(place, &pacer)).await));
        let mut opening = stream::iter(opening).buffer_unordered(AT_ONCE);
        while let Some((place, opened)) = opening.next().await {
            match opened {
                Ok(opened) => {
                    joined.region(place, &opened.zones);
                    open.insert(place.clone(), opened);
                }
                Err(error) => {
                    let (account, region) = (&place.account, &place.region);
                    told(progress, account, Some(region), &error.to_string());
                    joined.incomplete.push(incomplete(account, Some(region), None, error.to_string()));
                    first_error.get_or_insert(error);
                }
            }
        }
        drop(opening);
        if open.is_empty() {
            let nothing = CloudError::new(ErrorKind::Invalid, "discover", "there is no account to read")
                .help("name an account with --account, or in the configuration");
            return Err(first_error.unwrap_or(nothing));
        }

        let jobs = jobs(scope, &open);
        let mut homes = BTreeMap::new();
        for job in jobs.iter().filter(|job| job.is_global) {
            // Global types lie in no zone.
            match self.clients(&job.place).await {
                Ok(clients) => {
                    homes.insert(job.place.clone(), Open { clients, zones: Rc::default() });
                }
                Err(error) => {
                    for service in &job.services {
                        let (account, why) = (&job.place.account, error.to_string());
                        progress(Progress::Failed {
                            account,
                            region: None,
                            service: service.name,
                            why: &why,
                        });
                        joined.incomplete.push(incomplete(account, None, Some(service.name), why));
                    }
                }
            }
        }
        let place_of = |job: &Job| if job.is_global { homes.get(&job.place) } else { open.get(&job.place) };
        let work = jobs.into_iter().filter_map(|job| Some((place_of(&job)?, job))).map(
            async |(opened, job): (&Open, Job)| {
                let here = Here {
                    aws: self,
                    clients: Rc::clone(&opened.clients),
                    place: job.place.clone(),
                    zones: Rc::clone(&opened.zones),
                    now,
                    accounts: &accounts,
                    pacer: &pacer,
                };
                let mut done = Vec::new();
                for service in job.services {
                    let region = (!job.is_global).then_some(&job.place.region);
                    let account = &job.place.account;
                    progress(Progress::Began { account, region, service: service.name });
                    let found = Box::pin(read(&here, service)).await;
                    let (resources, points) = (found.resources.len(), found.points.len());
                    if found.failed.is_empty() {
                        let service = service.name;
                        progress(Progress::Ended { account, region, service, resources, points });
                    } else {
                        let why = found.failed.iter().cloned().collect::<Vec<_>>().join("; ");
                        progress(Progress::Failed { account, region, service: service.name, why: &why });
                    }
                    done.push((account.clone(), region.cloned(), service.name, found));
                }
                done
            },
        );
        let mut work = stream::iter(work).buffer_unordered(AT_ONCE);
        while let Some(done) = work.next().await {
            for (account, region, service, found) in done {
                joined.add(&account, region.as_ref(), service, found);
            }
        }
        drop(work);
        Ok(joined.finish())
    }

    /// The regions to read in an account.
    async fn regions_of(
        &self,
        account: &AccountId,
        scope: &Scope,
        pacer: &Pacer,
    ) -> CloudResult<Vec<Region>> {
        const CALL: &str = "ec2:DescribeRegions";
        if !scope.regions.is_empty() {
            return Ok(scope.regions.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect());
        }
        let place = self.any_place(account).await?;
        let clients = self.clients(&place).await?;
        pacer.turn(&place, CALL).await;
        let enabled = filter("opt-in-status", ["opt-in-not-required", "opted-in"]);
        let answer = clients.ec2.describe_regions().filters(enabled).send().await;
        let answer = answer.or_cloud(CALL).map_err(|error| self.whose_credentials(account, error))?;
        let mut regions = Vec::new();
        for region in answer.regions.unwrap_or_default() {
            let name = region.region_name.unwrap_or_default();
            let name = name.parse();
            regions.push(
                name.map_err(|e: base::ids::BadName| CloudError::new(ErrorKind::Server, CALL, e.message))?,
            );
        }
        regions.sort();
        Ok(regions)
    }

    async fn open(&self, place: &Place, pacer: &Pacer) -> CloudResult<Open> {
        let clients = self.clients(place).await?;
        pacer.turn(place, "ec2:DescribeAvailabilityZones").await;
        let zones = self.zone_map(place).await;
        let zones = zones.map_err(|error| self.whose_credentials(&place.account, error))?;
        Ok(Open { clients, zones })
    }
}

fn told(progress: &dyn Fn(Progress<'_>), account: &AccountId, region: Option<&Region>, why: &str) {
    progress(Progress::Failed { account, region, service: EVERYTHING, why });
}

fn incomplete(
    account: &AccountId,
    region: Option<&Region>,
    service: Option<&str>,
    why: String,
) -> Incomplete {
    Incomplete { account: account.clone(), region: region.cloned(), service: service.map(str::to_owned), why }
}

/// The work. The services of Cloud Control share its pace, so those of a place follow each other.
fn jobs(scope: &Scope, open: &BTreeMap<Place, Open>) -> Vec<Job> {
    let wanted = |service: &Service| {
        scope.services.is_empty() || scope.services.iter().any(|wanted| wanted.name == service.name)
    };
    let (mut own, mut tail) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for place in open.keys() {
        let job =
            |services: Vec<&'static Service>, is_global| Job { place: place.clone(), is_global, services };
        own.extend(
            OWN.into_iter().filter(|service| wanted(service)).map(|service| job(vec![service], false)),
        );
        let of_tail = |is_global| -> Vec<&'static Service> {
            let all = services().iter().filter(|service| cloud_control::holds(service.name, is_global));
            all.filter(|service| wanted(service)).collect()
        };
        tail.push(job(of_tail(false), false));
        if seen.insert(place.account.clone()) {
            let home = Place { region: cloud_control::home(&place.region), ..place.clone() };
            tail.push(Job { place: home, is_global: true, services: of_tail(true) });
        }
    }
    tail.retain(|job: &Job| !job.services.is_empty());
    own.into_iter().chain(tail).collect()
}

/// Reads one service.
async fn read(here: &Here<'_>, service: &Service) -> Found {
    match service.name {
        "ec2" => ec2::read(here).await,
        "rds" => rds::read(here).await,
        "s3" => s3::read(here).await,
        "cloudformation" => cloudformation::read(here).await,
        "backup" => backup::read(here).await,
        "dynamodb" => dynamodb::read(here).await,
        "efs" => efs::read(here).await,
        "servicequotas" => quotas::read(here).await,
        tail => cloud_control::read(here, tail).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_service_and_each_service_names_its_calls() {
        let names: BTreeSet<&str> = services().iter().map(|service| service.name).collect();
        assert_eq!(names.len(), services().len());
        assert!(services().iter().all(|service| !service.calls.is_empty()));
    }
}
