"""Prints what every agent does, as it changes."""
import json, os, sys, urllib.request

request = urllib.request.Request(sys.argv[1] + "/api/v1/events", headers={"Authorization": "Bearer " + os.environ["TALLY_TOKEN"]})
event = ""
for line in urllib.request.urlopen(request, timeout=15):  # something comes every five seconds
    key, _, value = line.decode().rstrip("\n").partition(": ")
    if key == "event":
        event = value
    elif key == "data" and event == "agent":
        s = json.loads(value)
        print(s["agent"], s["state"], s["reason"], s["queue"], flush=True)
