#!/usr/bin/env python3
"""Mirror a guest to a tap service, and wait until the copies flow: mirror_guest.py GUEST SERVICE [MAC_ADDR]"""
import json, os, sys, urllib.error, urllib.parse, urllib.request

SERVER = os.environ.get("TAPLINE_SERVER", "http://127.0.0.1:8640")
TOKEN = open(os.environ["TAPLINE_TOKEN_FILE"]).read().strip()

def post(path, **body):
    url = f"{SERVER}/api/v1/{urllib.parse.quote(path)}?wait=10s"
    headers = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else b"", headers)
    return json.load(urllib.request.urlopen(request, timeout=60))


if len(sys.argv) not in (3, 4):
    sys.exit(__doc__)
guest, service, *mac = sys.argv[1:]
flow = {"name": f"{guest}-to-{service}", "type": "vnic", "guest_id": guest, "tap_id": service}
try:
    post(f"tap_services/{service}/enable")
    try:
        got = post("tap_flows", **flow, **({"mac_addr": mac[0]} if mac else {}))
    except urllib.error.HTTPError as e:
        if e.code != 409:  # 409: it is there already
            raise
        got = post(f"tap_flows/{flow['name']}/enable")
except urllib.error.HTTPError as e:
    sys.exit(json.load(e).get("detail", str(e)))
print(got["name"], got["status"], got["reason"])
sys.exit(got["status"] != "ready")
