"""An AWS API on 127.0.0.1 for drillmaster's tests: moto, behind a WSGI middleware, with what a drill needs added.

`python -m moto_peer` prints `{"port": N}` when it listens, and exits when its stdin closes.
Added or changed, each in a module of its own, so that a test knows what it must not take for moto's or AWS's word:

  delays       things are pending for a while before they are ready, deletions of databases take a while; using a thing
               that is not ready is refused
  faults       throttling, server errors, dropped connections, latency, what never gets ready, what will not delete
  sharing      a snapshot or image shared with an account can be seen, copied and used by it
  corrections  gaps of moto that would mislead a drill (the list is at the head of the module)
  ageing       recovery points of a chosen age
  inventory    everything that a drill could have created, as sorted JSON
  app          the middleware: the request log, one request at a time but for S3, the admin API under /peer/
"""
