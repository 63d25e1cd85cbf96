//! The table of list prices.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;

use base::ids::{BadName, Region};
use estate::EstateFormats;
use yaml::file::{self, Document};
use yaml::{Checker, Diagnostics, Formats, Schema};

/// List prices in US dollars, on demand, without taxes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day that the prices are of.
    pub date: String,
    /// Where they are from.
    pub source: String,
    /// A price that a region does not list is unknown.
    pub regions: BTreeMap<Region, RegionPrices>,
}

/// The prices of one region.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionPrices {
    /// Linux instances by type: each hour.
    #[serde(default)]
    pub machines: BTreeMap<String, f64>,
    /// DB instances by engine and class: each hour, in one zone. A standby costs the same again.
    #[serde(default)]
    pub databases: BTreeMap<String, BTreeMap<String, f64>>,
    /// Storage of DB instances: each GiB-month.
    #[serde(default)]
    pub database_storage: Option<f64>,
    /// Storage of Aurora clusters: each GiB-month.
    #[serde(default)]
    pub cluster_storage: Option<f64>,
    /// EBS volumes by type: each GiB-month.
    #[serde(default)]
    pub volumes: BTreeMap<String, f64>,
    /// Transfer from this region to another one: each GiB.
    #[serde(default)]
    pub transfer_out: Option<f64>,
    /// Writing objects to S3: each 1,000 requests.
    #[serde(default)]
    pub puts: Option<f64>,
    /// An Elastic IP address: each hour.
    #[serde(default)]
    pub address: Option<f64>,
}

const BUILT_IN: &str = include_str!("prices.yaml");

const PRICES: Document = Document {
    what: "a table of prices",
    first: "date",
    telling: &["regions"],
    usual: &["date", "source"],
    common: &[],
};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12();
    Schema::compile(&settings.into_generator().into_root_schema_for::<Prices>().to_value())
});

struct PriceFormats;

impl Formats for PriceFormats {
    fn check(&self, format: &str, text: &str) -> Result<(), BadName> {
        match format {
            "region" => text.parse::<Region>().map(drop),
            _ => Ok(()),
        }
    }

    fn noun(&self, format: &str) -> Option<&'static str> {
        EstateFormats.noun(format)
    }

    fn pattern(&self, format: &str) -> Option<&'static str> {
        EstateFormats.pattern(format)
    }
}

/// The prices of the program.
pub fn built_in() -> Result<Prices, Diagnostics> {
    parse(file::from_bytes("prices.yaml", BUILT_IN.as_bytes(), 0))
}

/// The prices of a user.
pub fn load(path: &Path) -> Result<Prices, Diagnostics> {
    parse(file::read(path, 0))
}

fn parse(read: Result<file::Read, Box<yaml::Diagnostic>>) -> Result<Prices, Diagnostics> {
    let mut found = Diagnostics::default();
    let mut read = match read {
        Ok(read) => read,
        Err(diagnostic) => {
            found.push(*diagnostic);
            return Err(found);
        }
    };
    let Some(root) = file::root(&mut read, &PRICES, &mut found) else { return Err(found) };
    Checker { source: &read.source, formats: &PriceFormats, templates: false }
        .check(&root, &SCHEMA, &mut found);
    if !found.has_errors() {
        match serde_json::from_value::<Prices>(root.to_json()) {
            Ok(prices) => match negative(&prices) {
                None => return Ok(prices),
                Some(place) => found.push(
                    read.source
                        .error(root.span, format!("the price of {place} is negative"))
                        .help("leave out what is unknown"),
                ),
            },
            Err(error) => found.push(
                read.source
                    .error(root.span, format!("the prices cannot be read: {error}"))
                    .help("compare them with docs/plan.md"),
            ),
        }
    }
    found.sort();
    Err(found)
}

fn negative(prices: &Prices) -> Option<String> {
    prices.regions.iter().find_map(|(region, prices)| {
        let RegionPrices {
            machines,
            databases,
            database_storage,
            cluster_storage,
            volumes,
            transfer_out,
            puts,
            address,
        } = prices;
        let maps = [machines, volumes].into_iter().chain(databases.values());
        let named = maps.flatten().map(|(name, price)| (name.as_str(), *price));
        let single = [
            ("database_storage", database_storage),
            ("cluster_storage", cluster_storage),
            ("transfer_out", transfer_out),
            ("puts", puts),
            ("address", address),
        ];
        let single = single.into_iter().filter_map(|(name, price)| Some((name, (*price)?)));
        let wrong = named.chain(single).find(|(_, price)| *price < 0.0);
        wrong.map(|(name, _)| format!("{name} in {region}"))
    })
}
