"""An AWS API on 127.0.0.1 for drillmaster's tests: moto, behind a WSGI middleware, with what a drill needs added.

`python -m moto_peer` prints `{"port": N}` when it listens, and exits when its stdin closes.
Added or changed, each in a module of its own, so that a test knows what it must not take for moto's or AWS's word:

  delays       things are pending for a while before they are ready, deletions of databases take a while; using a thing
               that is not ready is refused
  faults       throttling, server errors, dropped connections, latency, what never gets ready, what will not delete
  sharing      a snapshot or image shared with an account can be seen, copied and used by it
  clock        the clock that the delays go by
  corrections  gaps of moto that would mislead a drill (the list is at the head of the module)
  ageing       recovery points of a chosen age
  front        further ports, on which requests fail by seed
  iam          policies of roles, enforced and simulated (what is evaluated stands at its head)
  inventory    everything that a drill could have created, as sorted JSON
  app          the middleware: the request log, one request at a time but for S3, the admin API under /peer/

The admin API (JSON; a mistake is answered 400 with {"error": …}):

  GET    /peer/health
  GET    /peer/log      [{n, service, action, region, account, access_key, params, status, fault?}, …]; DELETE clears it
  POST   /peer/delays   {"default": 1.5, "db_instance": 3, …} seconds, merged; null: as default; kinds in control.py
  POST   /peer/clock    {"stopped": true} stops the clock of these delays and of the kind `delay`; {"advance": 0.5} moves a
                        clock that stands; {"stopped": false} lets it run on. GET: {"stopped", "now"}
  POST   /peer/faults   [{"action": "RestoreDBInstanceFromDBSnapshot", "kind": "throttle", "times": 2}, …] replaces all rules
                        (DELETE: none). action: a name, "service:Name" or "*". Narrowed by service, region, account,
                        id (prefix of a parameter's value), match (part of one). Kinds: throttle, 500, 503, error (code,
                        status, message), drop_before, drop_after, delay (seconds), unseen (a
                        describing call of EC2 answers with an empty list, as right after a creation), offered_in (zones: of
                        DescribeInstanceTypeOfferings, the only ones), 500_after and 503_after (it was done), reset_before
                        and reset_after (RST on the socket), truncated (half the answer, then RST), cut (half of it as if it were
                        all), twice (it arrives twice, and the second answer is given): once unless `times` says otherwise;
                        delete_fails (of DeleteStack: the stack is
                        DELETE_FAILED, once);
                        never_ready (made by the action, or with this id), undeletable: for as long as the rule stands.
                        never_ready of DeleteDBInstance or DeleteDBCluster: `deleting` for ever
  GET    /peer/faults   the rules with their "hits"
  POST   /peer/age      {"kind", "id", "account", "region", "taken", "earliest"?} or a list; kinds in ageing.py; an id may end in *
  POST   /peer/fronts   {"seed": 7, "rate": 0.05, "faults": 20, "kinds"?: […]} → {"port", …}: one more port of the peer, on which
                        that share of requests fails, by seed, until there were so many faults
  GET    /peer/fronts   [{"port", "seed", "hits": [{action, number, kind}, …]}, …]
  POST   /peer/policies {"ROLE-ARN": [policy documents]}: enforced from now on for sessions of these roles, and simulated (DELETE: none);
                        a refused request has "denied": {action, resource, context} in the log
  GET    /peer/state    {"resources": [{account, region, type, id, tags, …}, …]}

moto's own: POST /moto-api/reset, /moto-api/reset-auth (body 0: IAM enforced, inf: not).
"""
