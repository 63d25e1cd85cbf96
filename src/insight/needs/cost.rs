//! What a drill costs, from list prices.

use schemars::JsonSchema;
use serde::Serialize;

use super::prices::{Prices, RegionPrices};
use super::{Asked, Completeness, Thing, known};
use base::duration::{Size, Time, seconds_between};
use base::ids::Region;

/// The hours of an average month, by which AWS divides prices of GiB-months.
const HOURS_OF_A_MONTH: f64 = 730.0;

/// The cost of a drill in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Cost {
    /// Until the expected teardown. `null`: a price or a size is unknown.
    pub total_usd: Option<f64>,
    /// The sum of what is known.
    pub at_least_usd: f64,
    /// If everything stays until the sandbox's `ttl`. `null`: a price or a size is unknown.
    pub up_to_usd: Option<f64>,
    /// The day that the prices are of. `null`: no prices were asked for.
    pub prices_of: Option<String>,
    pub source: Option<String>,
    /// What is not in it.
    pub without: Option<String>,
    pub items: Vec<Item>,
}

/// One part of the cost.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// The step, or `sandbox`.
    pub by: String,
    pub what: String,
    /// The hours until the expected teardown. `null`: it is paid once.
    pub hours: Option<f64>,
    /// `null`: unknown.
    pub usd: Option<f64>,
    /// `null`: unknown.
    pub up_to_usd: Option<f64>,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// When everything that was made is paid for.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// The expected teardown.
    pub expected: Time,
    /// The end of the sandbox's `ttl`.
    pub latest: Time,
}

/// What nobody reckons here.
const WITHOUT: &str = "the disks of machine images, snapshot and S3 storage, requests, KMS, logs, the least time that AWS bills, taxes and discounts";

/// A price of something.
enum Price {
    Once(f64),
    Hourly(f64),
    Unknown(String),
}

impl Cost {
    /// Without a playbook nobody knows what is made.
    pub fn unknown() -> Self {
        Self {
            total_usd: None,
            at_least_usd: 0.0,
            up_to_usd: None,
            prices_of: None,
            source: None,
            without: None,
            items: Vec::new(),
        }
    }

    pub fn of(asked: &[Asked], prices: &Prices, until: Until, completeness: Completeness) -> Self {
        let mut items: Vec<Item> = asked.iter().flat_map(|one| items(one, prices, until)).collect();
        if completeness == Completeness::InPart {
            items.push(Item {
                by: "rehearsal".into(),
                what: "steps that it did not do".into(),
                hours: None,
                usd: None,
                up_to_usd: None,
                because: Some("what they would make is not known".into()),
            });
        }
        let sum =
            |of: fn(&Item) -> Option<f64>| items.iter().map(of).try_fold(0.0, |sum, usd| Some(sum + usd?));
        let known: f64 = items.iter().filter_map(|item| item.usd).sum();
        Self {
            total_usd: sum(|item| item.usd).map(rounded),
            at_least_usd: rounded(known),
            up_to_usd: sum(|item| item.up_to_usd).map(rounded),
            prices_of: Some(prices.date.clone()),
            source: Some(prices.source.clone()),
            without: Some(WITHOUT.to_owned()),
            items,
        }
    }
}

fn told(size: Size) -> String {
    if size == Size(0) { "of unknown size".to_owned() } else { size.to_string() }
}

/// A hundredth of a cent.
fn rounded(usd: f64) -> f64 {
    (usd * 10_000.0).round() / 10_000.0
}

fn items(one: &Asked, prices: &Prices, until: Until) -> Vec<Item> {
    let hours = |to: Time| (seconds_between(one.at, to) / 3600.0).max(0.0);
    let (expected, latest) = (hours(until.expected), hours(until.latest).max(hours(until.expected)));
    let item = |(what, price): (String, Price)| {
        let item = Item { by: one.by.clone(), what, hours: None, usd: None, up_to_usd: None, because: None };
        match price {
            Price::Once(usd) => Item { usd: Some(rounded(usd)), up_to_usd: Some(rounded(usd)), ..item },
            Price::Hourly(usd) => Item {
                hours: Some((expected * 1000.0).round() / 1000.0),
                usd: Some(rounded(usd * expected)),
                up_to_usd: Some(rounded(usd * latest)),
                ..item
            },
            Price::Unknown(why) => Item { because: Some(why), ..item },
        }
    };
    priced(&one.thing, &one.region, prices).into_iter().map(item).collect()
}

fn priced(thing: &Thing, region: &Region, prices: &Prices) -> Vec<(String, Price)> {
    let here = prices.regions.get(region);
    let no_price = |what: &str| Price::Unknown(format!("the table has no price of {what} in {region}"));
    let no_size = || Price::Unknown("the estate does not say the size".to_owned());
    // A price for each GiB-month, of something whose size may be unknown.
    let stored = |size, price: Option<f64>, what: &str| match (known(size), price) {
        (None, _) => no_size(),
        (Some(_), None) => no_price(what),
        (Some(gib), Some(price)) => Price::Hourly(gib * price / HOURS_OF_A_MONTH),
    };
    let sent = |from: &Region, size| {
        if from == region {
            return Price::Once(0.0);
        }
        match (known(size), prices.regions.get(from).and_then(|prices| prices.transfer_out)) {
            (None, _) => no_size(),
            (Some(_), None) => Price::Unknown(format!("the table has no price of transfer out of {from}")),
            (Some(gib), Some(price)) => Price::Once(gib * price),
        }
    };
    match thing {
        Thing::Database { engine, class, multi_az, storage } => {
            let times = if *multi_az { 2.0 } else { 1.0 };
            let price = database(here, engine.as_deref(), class.as_deref(), region);
            let price = match price {
                Ok(price) => Price::Hourly(price * times),
                Err(why) => Price::Unknown(why),
            };
            let named = class.as_deref().unwrap_or("DB instance of unknown class");
            let mut all = vec![(named.to_owned(), price)];
            if let Some(size) = storage {
                let price = here.and_then(|prices| prices.database_storage).map(|price| price * times);
                all.push((
                    format!("database storage {}", told(*size)),
                    stored(*size, price, "database storage"),
                ));
            }
            all
        }
        Thing::ClusterStorage { size } => {
            let price = here.and_then(|prices| prices.cluster_storage);
            vec![(format!("cluster storage {}", told(*size)), stored(*size, price, "cluster storage"))]
        }
        Thing::Serverless => {
            vec![("serverless capacity".to_owned(), Price::Unknown("it follows the load".to_owned()))]
        }
        Thing::Machines { kind, count } => {
            let price = here.and_then(|prices| prices.machines.get(kind));
            let price = price.map(|price| Price::Hourly(price * f64::from(*count)));
            vec![(format!("{count} × {kind}"), price.unwrap_or_else(|| no_price(kind)))]
        }
        Thing::Volume { kind, size } => {
            let price = here.and_then(|prices| prices.volumes.get(kind)).copied();
            vec![(
                format!("volume {kind} {}", told(*size)),
                stored(*size, price, &format!("volumes of type {kind}")),
            )]
        }
        Thing::Copy { from, size, of: _ } => {
            vec![(format!("copy from {from}, {}", told(*size)), sent(from, *size))]
        }
        Thing::Objects { from, objects, size } => {
            let puts = match here.and_then(|prices| prices.puts) {
                None => no_price("PUT requests"),
                Some(_) if *objects == 0 => {
                    Price::Unknown("the estate does not say how many objects there are".to_owned())
                }
                Some(price) => Price::Once(*objects as f64 / 1000.0 * price),
            };
            vec![
                (format!("{objects} objects"), puts),
                (format!("objects from {from}, {}", told(*size)), sent(from, *size)),
            ]
        }
        Thing::Address => {
            let price = here.and_then(|prices| prices.address).map(Price::Hourly);
            vec![("address".to_owned(), price.unwrap_or_else(|| no_price("addresses")))]
        }
        Thing::Stack { name } => {
            vec![(format!("stack {name}"), Price::Unknown("what a template makes is not priced".to_owned()))]
        }
        Thing::Restored { name } => {
            let why = "what AWS Backup restores is not priced".to_owned();
            vec![(format!("restore {name}"), Price::Unknown(why))]
        }
        Thing::Table { name } => {
            vec![(format!("table {name}"), Price::Unknown("restores of tables are not priced".to_owned()))]
        }
    }
}

fn database(
    here: Option<&RegionPrices>,
    engine: Option<&str>,
    class: Option<&str>,
    region: &Region,
) -> Result<f64, String> {
    let class = class.ok_or("neither the step nor the estate says the class")?;
    let engine = engine.ok_or("the estate does not say the engine")?;
    let price = here.and_then(|prices| prices.databases.get(engine)).and_then(|classes| classes.get(class));
    price.copied().ok_or_else(|| format!("the table has no price of {class} with {engine} in {region}"))
}
