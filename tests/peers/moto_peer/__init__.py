"""An AWS API on 127.0.0.1 for drillmaster's tests: moto behind a WSGI middleware, with additions.

`python -m moto_peer` prints `{"port": N}` when it listens, and exits when its stdin closes.

Each addition and each change has a module of its own. So the author of a test can see which
behaviour is neither moto's nor AWS's word:

  delays       Resources are pending for a while before they are ready. Deletions of databases take
               a while. The use of a resource that is not ready is refused.
  faults       Throttling, server errors, dropped connections, latency, resources that never become
               ready, resources that cannot be deleted.
  sharing      An account can see, copy and use a snapshot or image that is shared with it.
  clock        The clock that the delays follow.
  backup       AWS Backup's vaults, restore jobs and copy jobs, which moto lacks.
  corrections  Gaps of moto that would mislead a drill. The list is at the head of the module.
  clusters     Automated backups of DB clusters.
  tables       DynamoDB restores as AWS documents them.
  ageing       Recovery points of a chosen age.
  front        Further ports, on which requests fail by seed.
  iam          Policies of roles, enforced and simulated. The head of the module lists what is
               evaluated.
  estate       A large estate for `discover`, and what has to be found of it.
  listing      Answers the listing operations from that estate, once it is seeded. moto is not asked.
  cbor         The form of CloudWatch's requests and answers.
  lambda_      AWS Lambda: runs the functions, in network namespaces that are the VPCs. Also what tests
               put there: servers, names, a firewall. Its modules are listed at its head.
  resolver     DNS Firewall and private zones, which close and answer the names of these networks.
  inventory    Every resource that a drill could have created, as sorted JSON.
  app          The middleware: the request log, one request at a time but for S3, and the admin API
               under /peer/.

The admin API speaks JSON. A mistake is answered with 400 and {"error": …}.

  GET    /peer/health
  GET    /peer/log      [{n, service, action, region, account, access_key, params, status, fault?},
                        …]. DELETE clears it.
  POST   /peer/delays   {"default": 1.5, "db_instance": 3, …} in seconds, merged. null: as default.
                        The kinds are in control.py.
  POST   /peer/clock    {"stopped": true} stops the clock of these delays and of the fault `delay`.
                        {"advance": 0.5} moves a stopped clock. {"stopped": false} lets it run on.
                        GET: {"stopped", "now"}.
  POST   /peer/faults   [{"action": "RestoreDBInstanceFromDBSnapshot", "kind": "throttle",
                        "times": 2}, …] replaces all rules. DELETE removes all. See below.
  GET    /peer/faults   the rules with their "hits"
  POST   /peer/age      {"kind", "id", "account", "region", "taken", "earliest"?} or a list. The
                        kinds are in ageing.py. An id may end in *.
  POST   /peer/restores  restore jobs of the past: see backup.py
  POST   /peer/vaults   [{account, region, vault, points}, …]: see backup.py
  POST   /peer/fronts   {"seed": 7, "rate": 0.05, "faults": 20, "kinds"?: […]} → {"port", …}.
                        One more port of the peer. That share of its requests fails, by seed, until
                        that number of faults is reached.
  GET    /peer/fronts   [{"port", "seed", "hits": [{action, number, kind}, …]}, …]
  POST   /peer/policies {"ROLE-ARN": [policy documents]}. From now on they are enforced for sessions
                        of these roles, and simulated. DELETE removes them. A refused request has
                        "denied": {action, resource, context} in the log.
  POST   /peer/estate   seeds the estate of estate.py, and answers {"resources", "points"}: what
                        `discover` has to find. DELETE removes it.
  POST   /peer/roles    {"account", "name", "trusts"?, "actions"?} → {"arn"}. A role in IAM. By default
                        Lambda may assume it, and it may do what a function in a VPC needs.
  GET    /peer/functions  [{name, account, region, state, code, environments: [{pid, busy, namespace}],
                        interfaces}, …]. POST {"concurrency": n} limits the invocations at once.
  POST   /peer/machines  {"kind", "account", "region", "subnet" | "vpc" and "address" | "serves", …} or
                        a list: servers inside a VPC, see lambda_/servers.py. Answers as GET does.
                        DELETE removes all, DELETE /peer/machines/ID removes one.
  GET    /peer/machines  [{id, kind, address, port, names, instance, vpc, namespace, running, requests},
                        …]
  POST   /peer/machines/ID/run  {"sql", "database"?} or {"command", "input"?, "timeout"?,
                        "background"?} → {status, stdout, stderr}. A command runs inside, as nobody.
  GET    /peer/network  {"ca": path, "vpcs": [{account, region, vpc, cidr, resolver, namespace}, …],
                        "machines"}. The authority (PEM) signs the servers' certificates.
  POST   /peer/names    {"account", "region", "vpc"?, "names"?, "firewall"?}: what the resolver of this
                        VPC, or of every one there, answers. Names are merged, rules are replaced.
                        names: {"db.internal": "10.66.0.9", "*.x": {"CNAME": "db.internal"}}
                        firewall: [{"domains": ["*.x"], "action": "ALLOW|ALERT|BLOCK",
                        "response": "NODATA|NXDOMAIN|OVERRIDE", "override"?}, …]
  GET    /peer/queries  what the resolvers were asked, as Resolver's query log tells it. DELETE
                        forgets them.
  GET    /peer/used     the actions that sessions with policies have needed
  GET    /peer/state    {"resources": [{account, region, type, id, tags, …}, …]}

The `action` of a fault rule is a name, "service:Name" or "*". `service`, `region`, `account`, `id`
(prefix of a parameter's value) and `match` (part of one) narrow a rule. These kinds apply once,
unless `times` says otherwise:

  throttle, 500, 503         Lambda's throttle has `value` as its Reason and `seconds` as Retry-After.
  error                      with `code`, `status` and `message`. Lambda's errors know their status.
  drop_before, drop_after    the connection is dropped
  delay                      for `seconds`
  unseen                     A describing call of EC2 answers with an empty list, as right after a
                             creation.
  offered_in                 of DescribeInstanceTypeOfferings: `zones` are the only ones
  quota                      of GetServiceQuota: its `value`. moto knows no quotas of EC2 and RDS
  500_after, 503_after       The request was carried out.
  reset_before, reset_after  RST on the socket
  truncated                  half the answer, then RST
  cut                        half the answer, as if it were all of it
  twice                      The request arrives twice, and the second answer is given.
  delete_fails               of DeleteStack: the stack is DELETE_FAILED
  role_refused, fails        of CreateFunction: Lambda cannot assume the role; the function is Failed,
                             with `code` as its StateReasonCode
  inactive                   of Invoke: the function becomes Inactive, and has no interface
  killed, slow, garbage, too_large  of Invoke: the process is killed while it works (after
                             `seconds`); it is slower than its timeout (told after `seconds`); the
                             answer is `value`, no JSON by default; the answer is above the limit
  outside, nothing, job_fails, half  of StartRestoreJob (job_fails also of StartCopyJob): see backup.py

These kinds apply as long as the rule stands:

  never_ready                A resource that the action makes, or that has this id. With
                             DeleteDBInstance or DeleteDBCluster: `deleting` for ever.
  undeletable

moto's own: POST /moto-api/reset, /moto-api/reset-auth (body 0: IAM enforced, inf: not).
"""
