//! The resources that the drill has created on the twin.

mod copies;
mod jobs;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use base::duration::Size;
use base::duration::Time;
use base::ids::{Region, RunId};
use estate::engine::default_port;
use port::{
    CloudError, CloudResult, Create, Created, ErrorKind, Kind, Listener, Observed, Origin, Place, Remains,
    ResourceRef, RestoreDb, RestoreDbToTime, RestoreTableToTime, RunTags, State, TaggedThing, Whose, gated,
};

type Key = (Kind, String);

#[derive(Default)]
pub struct World {
    entries: BTreeMap<Key, CreatedResource>,
    /// For each resource, those that were ever created to use it. What uses it still stands in
    /// their entries.
    users: HashMap<Key, BTreeSet<Key>>,
    /// The databases that were ever created with a host name.
    by_host: HashMap<String, BTreeSet<Key>>,
    /// The result of each client token. A repeated request gets the same answer.
    by_token: HashMap<String, Created>,
    /// The end times of operations with a limit on how many run at once, by kind and place.
    under_way: HashMap<(Kind, Place), Vec<Time>>,
    /// The restore jobs of AWS Backup, by their ids.
    jobs: HashMap<String, jobs::Job>,
    /// The copy jobs of AWS Backup, by the ARNs of what they make.
    copies: HashMap<String, copies::Copied>,
    /// What the stacks leave when they are deleted.
    remains: HashMap<ResourceRef, Vec<Remains>>,
    next: u32,
}

/// The context of a creation, besides the request.
pub struct CreateContext<'a> {
    pub place: &'a Place,
    pub origin: &'a Origin,
    pub run_tags: &'a RunTags,
    /// `None`: never ready.
    pub ready_at: Option<Time>,
    pub unhealthy: bool,
    /// The time to which point-in-time recovery restores.
    pub restored_to: Option<Time>,
    pub size: Option<Size>,
    /// The engine of a database. `None`: unknown.
    pub engine: Option<String>,
    pub now: Time,
}

struct CreatedResource {
    place: Place,
    by: String,
    run: RunId,
    expires: Time,
    created: Time,
    created_at_order: u32,
    /// `None`: never ready.
    ready_at: Option<Time>,
    unhealthy: bool,
    gone_at: Option<Time>,
    /// The resources that cannot be deleted before this one.
    uses: Vec<Key>,
    /// Until then a network interface of a function that is gone uses it.
    held_until: Option<Time>,
    /// The size in the request, or the size of its source. `None`: unknown.
    size: Option<Size>,
    attributes: BTreeMap<String, Value>,
}

impl CreatedResource {
    fn is_there(&self, now: Time) -> bool {
        self.gone_at.is_none_or(|at| at > now)
    }

    fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.as_str()
    }

    /// The host names of a database.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        let reader = self.text("reader_endpoint").and_then(|reader| reader.split_once(':'));
        self.text("address").into_iter().chain(reader.map(|(host, _)| host))
    }
}

impl World {
    /// Returns the result of an earlier request with the same client token.
    pub fn created_by(&self, token: &str) -> Option<Created> {
        self.by_token.get(token).cloned()
    }

    /// Returns when the next operation of this kind can begin at this place, if at most `most` run
    /// at once. `None`: never.
    ///
    /// AWS refuses operations above the limit, and a drill retries until one has ended. Deleting
    /// the resource does not end its operation early.
    pub fn begins(&mut self, place: &Place, kind: Kind, most: Option<usize>, now: Time) -> Option<Time> {
        let Some(most) = most else { return Some(now) };
        let ends = self.under_way.entry((kind, place.clone())).or_default();
        ends.retain(|end| *end > now);
        ends.sort_unstable();
        match ends.len().checked_sub(most) {
            None => Some(now),
            Some(before) => ends.get(before).copied().filter(|end| *end < Time::MAX_UTC),
        }
    }

    /// Records that such an operation has begun. `ready_at` is its end. `None`: it never ends.
    pub fn has_begun(&mut self, place: &Place, kind: Kind, ready_at: Option<Time>) {
        self.under_way.entry((kind, place.clone())).or_default().push(ready_at.unwrap_or(Time::MAX_UTC));
    }

    pub fn create(&mut self, context: &CreateContext<'_>, what: &Create) -> CloudResult<Created> {
        let CreateContext { place, origin, run_tags, ready_at, unhealthy, now, .. } = *context;
        let engine = context.engine.as_deref();
        let mut created = Created { restored_to: context.restored_to, ..Created::default() };
        let mut add = |world: &mut Self,
                       kind: Kind,
                       id: String,
                       attributes: Vec<(&str, Value)>|
         -> CloudResult<String> {
            let key = (kind, id.clone());
            if world.entries.get(&key).is_some_and(|t| t.is_there(now)) {
                return Err(CloudError::new(
                    ErrorKind::AlreadyExists,
                    what.call(),
                    format!("{} {id} exists already", kind.name()),
                ));
            }
            let entry = CreatedResource {
                place: place.clone(),
                by: origin.by.clone(),
                run: run_tags.run.clone(),
                expires: run_tags.expires,
                created: now,
                created_at_order: world.next,
                ready_at,
                unhealthy,
                gone_at: None,
                uses: uses(what),
                held_until: None,
                size: context.size,
                attributes: attributes.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            };
            world.keep(key, entry);
            created.resources.push(ResourceRef {
                kind,
                id: id.clone(),
                account: place.account.clone(),
                region: place.region.clone(),
            });
            Ok(id)
        };
        match what {
            Create::Vpc { cidr, .. } => {
                let id = self.id("vpc");
                add(self, Kind::Vpc, id, vec![("cidr", json!(cidr))])?;
            }
            Create::Subnet { cidr, az, .. } => {
                let id = self.id("subnet");
                add(self, Kind::Subnet, id, vec![("cidr", json!(cidr)), ("az", json!(az))])?;
            }
            Create::SecurityGroup { .. } => {
                let id = self.id("sg");
                add(self, Kind::SecurityGroup, id, vec![])?;
            }
            Create::DbSubnetGroup { name, .. } => {
                add(self, Kind::DbSubnetGroup, name.clone(), vec![])?;
            }
            Create::Bucket { name, versioned: _ } => {
                add(self, Kind::Bucket, name.clone(), vec![])?;
            }
            Create::CopySnapshot { .. } => {
                let id = self.id("snap");
                add(self, Kind::Snapshot, id.clone(), vec![("snapshot_id", json!(id))])?;
            }
            Create::CopyImage { .. } => {
                let id = self.id("ami");
                add(self, Kind::Image, id.clone(), vec![("image_id", json!(id))])?;
            }
            Create::Volume(volume) => {
                let id = self.id("vol");
                let attributes =
                    vec![("volume_id", json!(id)), ("az", json!(volume.az)), ("size", json!(volume.size.0))];
                add(self, Kind::Volume, id, attributes)?;
            }
            Create::Instances(run) => {
                for i in 0..run.count {
                    let id = self.id("i");
                    let subnet = run.subnets.get(i as usize % run.subnets.len().max(1));
                    let ip = subnet.map_or_else(|| "10.0.0.10".to_owned(), |s| self.address(&s.id));
                    let az = subnet.map(|s| s.az.clone());
                    add(
                        self,
                        Kind::Instance,
                        id.clone(),
                        vec![("instance_id", json!(id)), ("private_ip", json!(ip)), ("az", json!(az))],
                    )?;
                }
            }
            Create::AttachVolume { volume, instance, .. } => {
                self.there(context, what, Kind::Volume, volume)?
                    .attributes
                    .insert("attached_to".into(), json!(instance));
                let attached = (Kind::Volume, volume.clone());
                self.there(context, what, Kind::Instance, instance)?.uses.push(attached.clone());
                self.users.entry(attached).or_default().insert((Kind::Instance, instance.clone()));
            }
            Create::KeyPair { name, .. } => {
                add(self, Kind::KeyPair, name.clone(), vec![("key_name", json!(name))])?;
            }
            Create::Address { .. } => {
                let id = self.id("eipalloc");
                let ip = format!("203.0.113.{}", self.next % 250 + 1);
                add(
                    self,
                    Kind::Address,
                    id.clone(),
                    vec![("allocation_id", json!(id)), ("public_ip", json!(ip))],
                )?;
            }
            Create::CopyDbSnapshot { name, .. } => {
                add(self, Kind::DbSnapshot, name.clone(), vec![("snapshot_id", json!(name))])?;
            }
            Create::CopyDbClusterSnapshot { name, .. } => {
                add(self, Kind::DbClusterSnapshot, name.clone(), vec![("snapshot_id", json!(name))])?;
            }
            Create::Db(db) | Create::DbToTime(RestoreDbToTime { db, .. }) | Create::DbReplica { db, .. } => {
                add(
                    self,
                    Kind::DbInstance,
                    db.name.clone(),
                    database(&db.name, db.port, engine, &place.region),
                )?;
            }
            Create::DbCluster(made) => {
                let attributes = cluster(&made.name, made.port, engine, &place.region, &[]);
                add(self, Kind::DbCluster, made.name.clone(), attributes)?;
            }
            Create::DbClusterToTime(made) => {
                // RDS makes the instances of a Multi-AZ DB cluster with it.
                let members: Vec<String> = match &made.multi_az {
                    Some(_) => (1..=3).map(|n| format!("{}-instance-{n}", made.name)).collect(),
                    None => Vec::new(),
                };
                let attributes = cluster(&made.name, made.port, engine, &place.region, &members);
                add(self, Kind::DbCluster, made.name.clone(), attributes)?;
            }
            Create::DbClusterInstance { cluster, name, .. } => {
                self.there(context, what, Kind::DbCluster, cluster)?;
                add(self, Kind::DbInstance, name.clone(), database(name, None, engine, &place.region))?;
                let members = self.users_of(&(Kind::DbCluster, cluster.clone()), now).count();
                self.there(context, what, Kind::DbCluster, cluster)?
                    .attributes
                    .insert("members".into(), json!(members));
            }
            Create::PromoteReplica { db, .. } => {
                let entry = self.there(context, what, Kind::DbInstance, db)?;
                if entry.run != run_tags.run {
                    let said = format!("{db} does not carry this run's tag");
                    return Err(CloudError::new(ErrorKind::Guarded, what.call(), said));
                }
                entry.ready_at = ready_at;
                entry.unhealthy = unhealthy;
            }
            Create::Table(table) | Create::TableToTime(RestoreTableToTime { table, .. }) => {
                let arn = format!(
                    "arn:{}:dynamodb:{}:{}:table/{}",
                    place.region.partition(),
                    place.region,
                    place.account,
                    table.name
                );
                let attributes =
                    vec![("name", json!(table.name)), ("arn", json!(arn)), ("region", json!(place.region))];
                add(self, Kind::Table, table.name.clone(), attributes)?;
            }
            Create::SetTable(settings) => {
                let entry = self.there(context, what, Kind::Table, &settings.table)?;
                if entry.run != run_tags.run {
                    let said = format!("{} does not carry this run's tag", settings.table);
                    return Err(CloudError::new(ErrorKind::Guarded, what.call(), said));
                }
                entry.ready_at = ready_at;
                entry.unhealthy |= unhealthy;
            }
            Create::Vault { name, .. } => {
                add(self, Kind::Vault, name.clone(), vec![("vault", json!(name))])?;
            }
            Create::CopyPoint(copy) => {
                let arn = self.start_copy(context, what.call(), copy)?;
                let id = self.id("copy-job");
                self.copies_to(&arn, &id);
                add(self, Kind::CopyJob, id, vec![("recovery_point", json!(arn))])?;
            }
            Create::StartRestore(start) => {
                let id = self.start_job(start, engine);
                add(self, Kind::RestoreJob, id.clone(), vec![("job", json!(id))])?;
            }
            Create::MountTarget { file_system, subnet, .. } => {
                self.there(context, what, Kind::FileSystem, file_system)?;
                let (id, address) = (self.id("fsmt"), self.address(&subnet.id));
                let attributes = vec![("mount_target_id", json!(id)), ("address", json!(address))];
                add(self, Kind::MountTarget, id, attributes)?;
            }
            Create::Function(function) => {
                add(self, Kind::Function, function.name.clone(), vec![("function", json!(function.name))])?;
            }
            Create::DomainList { .. } => {
                let id = self.id("rslvr-fdl");
                add(self, Kind::DomainList, id, vec![])?;
            }
            Create::RuleGroup { .. } => {
                let id = self.id("rslvr-frg");
                add(self, Kind::RuleGroup, id, vec![])?;
            }
            Create::QueryLog { bucket, .. } => {
                self.there(context, what, Kind::Bucket, bucket)?;
                let id = self.id("rslvr-qlc");
                add(self, Kind::QueryLog, id, vec![])?;
            }
            Create::Zone { .. } => {
                let id = self.id("Z");
                add(self, Kind::Zone, id, vec![])?;
            }
            Create::OverrideRule { group, list, .. } => {
                self.there(context, what, Kind::DomainList, list)?;
                self.there(context, what, Kind::RuleGroup, group)?;
            }
            Create::Record { zone, .. } => {
                self.there(context, what, Kind::Zone, zone)?;
            }
            Create::AdoptRestored(adopted) => created = self.adopt(context, what.call(), adopted)?,
            Create::Stack(stack) => {
                let id =
                    format!("arn:aws:cloudformation:{}:{}:stack/{}", place.region, place.account, stack.name);
                let outputs = super::template::outputs(stack, place);
                add(
                    self,
                    Kind::Stack,
                    id.clone(),
                    vec![("stack_id", json!(id)), ("outputs", json!(outputs))],
                )?;
                let (account, region) = (place.account.clone(), place.region.clone());
                let left = super::template::remains(stack, place, &id);
                self.remains.insert(ResourceRef { kind: Kind::Stack, id, account, region }, left);
            }
        }
        self.by_token.insert(origin.token.clone(), created.clone());
        Ok(created)
    }

    /// Keeps a new resource, and what it uses.
    fn keep(&mut self, key: Key, entry: CreatedResource) {
        for used in &entry.uses {
            self.users.entry(used.clone()).or_default().insert(key.clone());
        }
        for host in entry.hosts() {
            self.by_host.entry(host.to_owned()).or_default().insert(key.clone());
        }
        self.entries.insert(key, entry);
    }

    /// Returns a resource that the request needs at its place.
    fn there(
        &mut self,
        context: &CreateContext<'_>,
        what: &Create,
        kind: Kind,
        id: &str,
    ) -> CloudResult<&mut CreatedResource> {
        let entry = self.entries.get_mut(&(kind, id.to_owned()));
        entry.filter(|t| t.place == *context.place && t.is_there(context.now)).ok_or_else(|| {
            CloudError::new(ErrorKind::NotFound, what.call(), format!("there is no {} {id}", kind.name()))
                .help("check the id, the account and the region that it is looked for in")
        })
    }

    /// Returns the resources that exist and use another one, in the order of their keys.
    fn users_of<'a>(&'a self, used: &'a Key, now: Time) -> impl Iterator<Item = &'a Key> {
        let is_user = move |user: &&Key| {
            self.entries.get(user).is_some_and(|entry| entry.is_there(now) && entry.uses.contains(used))
        };
        self.users.get(used).into_iter().flatten().filter(is_user)
    }

    /// Returns `prefix-` and a counter of 17 hexadecimal digits, the length that EC2 uses.
    fn id(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}-{:017x}", self.next)
    }

    /// Returns the next free address in a subnet. AWS reserves the first four and the last.
    fn address(&self, subnet: &str) -> String {
        let cidr = self
            .entries
            .get(&(Kind::Subnet, subnet.to_owned()))
            .and_then(|t| t.attributes.get("cidr")?.as_str()?.parse::<ipnet::Ipv4Net>().ok());
        let base = cidr.map_or(0x0a00_0000, |cidr| u32::from(cidr.addr()));
        std::net::Ipv4Addr::from(base.saturating_add(10 + self.next)).to_string()
    }

    pub fn observe(&self, place: &Place, kind: Kind, id: &str, now: Time) -> Observed {
        let entry = self.entries.get(&(kind, id.to_owned())).filter(|t| t.place == *place);
        let gone = Observed {
            id: id.to_owned(),
            state: State::Gone,
            healthy: None,
            attributes: BTreeMap::new(),
            next_change: None,
        };
        let Some(entry) = entry else { return gone };
        if let Some(gone_at) = entry.gone_at {
            if gone_at <= now {
                return gone;
            }
            return Observed { state: State::Pending("deleting".into()), next_change: Some(gone_at), ..gone };
        }
        let attributes = entry.attributes.clone();
        match entry.ready_at {
            Some(at) if at <= now && entry.unhealthy => Observed {
                state: State::Failed("incompatible-restore (a fault of the estate)".into()),
                attributes,
                ..gone
            },
            Some(at) if at <= now => {
                Observed { state: State::Ready, healthy: Some(true), attributes, ..gone }
            }
            at => Observed { state: State::Pending("creating".into()), attributes, next_change: at, ..gone },
        }
    }

    /// Returns the database at a host name.
    pub fn listener(&self, host: &str, now: Time) -> Option<Listener> {
        let named = self.by_host.get(host).into_iter().flatten().filter_map(|key| self.entries.get(key));
        let found = named.filter(|of| of.hosts().any(|of| of == host)).find(|of| of.is_there(now))?;
        let number = found.attributes.get("port").and_then(Value::as_i64)?;
        Some(Listener {
            engine: found.text("engine").map(str::to_owned),
            port: i32::try_from(number).ok()?,
            port_is_known: found.attributes.get("port_is_known").and_then(Value::as_bool)?,
        })
    }

    /// Returns the size of a resource that the run created, if known.
    pub fn size(&self, place: &Place, kind: Kind, id: &str) -> Option<Size> {
        self.entries.get(&(kind, id.to_owned())).filter(|t| t.place == *place)?.size
    }

    /// Returns what a deleted stack has left.
    pub fn remains(&self, stack: &ResourceRef) -> Vec<Remains> {
        self.remains.get(stack).cloned().unwrap_or_default()
    }

    /// Returns whether a run created the resource.
    pub fn knows(&self, resource: &ResourceRef) -> bool {
        self.entries.contains_key(&(resource.kind, resource.id.clone()))
    }

    pub fn delete(
        &mut self,
        resource: &ResourceRef,
        run_tags: &RunTags,
        (gone_at, network_gone_at): (Time, Time),
        now: Time,
        stuck: impl Fn(&str) -> bool,
    ) -> CloudResult<()> {
        let call = gated::delete_call(resource.kind);
        let key = (resource.kind, resource.id.clone());
        let user = self.users_of(&key, now).next().map(|(kind, id)| format!("{} {id}", kind.name()));
        let Some(entry) = self.entries.get_mut(&key) else { return Ok(()) };
        if entry.run != run_tags.run {
            return Err(CloudError::new(
                ErrorKind::Guarded,
                call,
                format!("{resource} does not carry this run's tag"),
            ));
        }
        if entry.gone_at.is_some_and(|at| at <= now) {
            return Ok(());
        }
        if stuck(&entry.by) {
            return Err(CloudError::new(
                ErrorKind::InUse,
                call,
                "something still depends on it (a fault of the estate)",
            ));
        }
        if let Some(user) = user {
            return Err(CloudError::new(ErrorKind::InUse, call, format!("{user} still depends on it")));
        }
        if entry.held_until.is_some_and(|until| until > now) {
            let said = "the network interface of a function that is gone still uses it";
            return Err(CloudError::new(ErrorKind::InUse, call, said));
        }
        if resource.kind == Kind::Vault {
            self.forget_copies(&resource.id);
        }
        if resource.kind == Kind::RestoreJob {
            self.finish_job(&resource.id, now)?;
        }
        let Some(entry) = self.entries.get_mut(&key) else { return Ok(()) };
        entry.gone_at.get_or_insert(gone_at);
        if resource.kind == Kind::Function {
            for used in entry.uses.clone() {
                if let Some(used) = self.entries.get_mut(&used) {
                    used.held_until.get_or_insert(network_gone_at);
                }
            }
        }
        Ok(())
    }

    pub fn tagged(&self, place: &Place, whose: &Whose, now: Time) -> Vec<TaggedThing> {
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, t)| {
                t.place == *place && whose.means(&t.run.0) && t.gone_at.is_none_or(|at| at > now)
            })
            // A copy job carries no tags.
            .filter(|((kind, _), _)| *kind != Kind::CopyJob && whose.includes(*kind))
            .collect();
        found.sort_by_key(|(_, t)| t.created_at_order);
        found
            .into_iter()
            .map(|((kind, id), t)| TaggedThing {
                resource: ResourceRef {
                    kind: *kind,
                    id: id.clone(),
                    account: t.place.account.clone(),
                    region: t.place.region.clone(),
                },
                run: t.run.clone(),
                expires: Some(t.expires.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
                token: None,
                created: Some(t.created),
            })
            .collect()
    }
}

/// Returns the resources that must not be deleted before the new resource.
fn uses(what: &Create) -> Vec<Key> {
    let network = |subnet_group: &String, security_groups: &[String]| {
        let mut uses = vec![(Kind::DbSubnetGroup, subnet_group.clone())];
        uses.extend(security_groups.iter().map(|g| (Kind::SecurityGroup, g.clone())));
        uses
    };
    let db = |db: &RestoreDb| network(&db.subnet_group, &db.security_groups);
    match what {
        Create::Subnet { vpc, .. } | Create::SecurityGroup { vpc, .. } => vec![(Kind::Vpc, vpc.clone())],
        Create::DbSubnetGroup { subnets, .. } => subnets.iter().map(|s| (Kind::Subnet, s.clone())).collect(),
        Create::Instances(run) => {
            let subnets = run.subnets.iter().map(|s| (Kind::Subnet, s.id.clone()));
            subnets.chain(run.security_groups.iter().map(|g| (Kind::SecurityGroup, g.clone()))).collect()
        }
        Create::Db(one) | Create::DbReplica { db: one, .. } => db(one),
        Create::DbToTime(to) => db(&to.db),
        Create::DbCluster(made) => network(&made.subnet_group, &made.security_groups),
        Create::DbClusterToTime(made) => network(&made.subnet_group, &made.security_groups),
        Create::DbClusterInstance { cluster, .. } => vec![(Kind::DbCluster, cluster.clone())],
        Create::MountTarget { file_system, subnet, group, name: _ } => vec![
            (Kind::FileSystem, file_system.clone()),
            (Kind::Subnet, subnet.id.clone()),
            (Kind::SecurityGroup, group.clone()),
        ],
        Create::Function(port::CreateFunction { subnet, group, .. }) => {
            vec![(Kind::Subnet, subnet.id.clone()), (Kind::SecurityGroup, group.clone())]
        }
        // A list cannot go while a rule names it.
        Create::RuleGroup { vpc, rules, .. } => std::iter::once((Kind::Vpc, vpc.clone()))
            .chain(rules.iter().map(|rule| (Kind::DomainList, rule.list.clone())))
            .collect(),
        // The instance records an attached volume. Resources in a template are CloudFormation's
        // own.
        Create::Vpc { .. }
        | Create::Bucket { .. }
        | Create::CopySnapshot { .. }
        | Create::CopyImage { .. }
        | Create::CopyDbSnapshot { .. }
        | Create::CopyDbClusterSnapshot { .. }
        | Create::Volume(_)
        | Create::AttachVolume { .. }
        | Create::KeyPair { .. }
        | Create::Address { .. }
        | Create::PromoteReplica { .. }
        | Create::Table(_)
        | Create::TableToTime(_)
        | Create::SetTable(_)
        | Create::Vault { .. }
        | Create::CopyPoint(_)
        | Create::StartRestore(_)
        | Create::AdoptRestored(_)
        | Create::DomainList { .. }
        | Create::OverrideRule { .. }
        | Create::QueryLog { .. }
        | Create::Zone { .. }
        | Create::Record { .. }
        | Create::Stack(_) => Vec::new(),
    }
}

/// Returns the attributes of a database. Its name ends in `.invalid` (RFC 2606), so nothing ever
/// answers there.
fn database(
    name: &str,
    port: Option<i32>,
    engine: Option<&str>,
    region: &Region,
) -> Vec<(&'static str, Value)> {
    let address = format!("{name}.{region}.rds.twin.invalid");
    let known = port.or_else(|| engine.and_then(default_port)).is_some();
    let port = port_of(port, engine);
    vec![
        ("endpoint", json!(format!("{address}:{port}"))),
        ("address", json!(address)),
        ("port", json!(port)),
        ("db_id", json!(name)),
        ("engine", json!(engine)),
        ("port_is_known", json!(known)),
    ]
}

/// Returns the attributes of a cluster.
fn cluster(
    name: &str,
    port: Option<i32>,
    engine: Option<&str>,
    region: &Region,
    members: &[String],
) -> Vec<(&'static str, Value)> {
    let reader = format!("{name}.cluster-ro.{region}.rds.twin.invalid");
    let mut attributes = database(name, port, engine, region);
    attributes.push(("reader_endpoint", json!(format!("{reader}:{}", port_of(port, engine)))));
    attributes.push(("cluster_id", json!(name)));
    attributes.push(("members", json!(members.len())));
    attributes.push(("member_ids", json!(members)));
    attributes
}

/// Returns the port of a database. If nobody says the port or the engine, it is taken for
/// PostgreSQL's.
fn port_of(port: Option<i32>, engine: Option<&str>) -> i32 {
    port.or_else(|| engine.and_then(default_port)).unwrap_or(5432)
}
