"""python -m moto_peer [PORT]: serves on 127.0.0.1 until stdin closes.

Port 0, the default, takes a free port.
"""

import json
import logging
import os
import sys
import threading
import traceback

# moto reads these while it is imported.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
os.environ["MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS"] = "false"
os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
os.environ.pop("MOTO_ACCOUNT_ID", None)

from moto.moto_server.werkzeug_app import MotoRequestHandler  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

from . import lambda_  # noqa: E402
from .app import PeerApp  # noqa: E402


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = make_server("127.0.0.1", port, PeerApp(), threaded=True, request_handler=MotoRequestHandler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_port}), flush=True)
    while sys.stdin.buffer.read(4096):
        pass
    try:
        lambda_.close()
    except Exception:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # nobody waits for requests under way


main()
