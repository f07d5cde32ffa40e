#!/usr/bin/env python3
"""A client of a running node's control socket, with nothing but Python: docs/control.md describes what is said.

    python3 control.py DIRECTORY [MEMBER ...]

adds members to the set, lists it, follows the events, hangs up in the middle, and goes on where it was."""

import itertools
import json
import socket
import sys

VERSION = 1


class Refused(Exception):
    """The node did not grant a request; `code` stays when the words change."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code, self.details, self.advice = error["code"], error.get("details"), error.get("advice")


def replies(directory, request):
    """The replies to a request, one for each line of the answer, as they come."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{directory}/control.sock")
        connection.sendall(json.dumps({"version": VERSION, "request": request}).encode() + b"\n")
        for line in connection.makefile("rb"):
            answer = json.loads(line)
            if answer["version"] != VERSION:
                raise ConnectionError(f"the node speaks version {answer['version']}")
            if "error" in answer:
                raise Refused(answer["error"])
            yield answer["reply"]
            if not answer.get("more"):
                return
    raise ConnectionError("the node went away")


def members(directory):
    """All members of the set, whose list comes in pages."""
    return [member for page in replies(directory, "list") for member in page["list"]]


def events(directory, since="start"):
    """What has happened since a cursor, and what happens from now on."""
    for reply in replies(directory, {"events": {"since": since}}):
        yield reply["event"]


def main(directory, *names):
    for name in names:
        *_, delivered = replies(directory, {"add": {"members": [name]}})
        print("delivered", delivered["delivered"]["seq"])
    print("members", *members(directory))
    first = list(itertools.islice(events(directory), 1 + len(names) // 2))
    print("followed up to", first[-1]["cursor"])
    stream = events(directory, since=first[-1]["cursor"])
    rest = itertools.islice((event for event in stream if event["event"] == "delivered"), -(-len(names) // 2))
    seen = [event for event in first if event["event"] == "delivered"] + list(rest)
    for event in seen:
        print(event["time"], event["place"]["seq"], json.dumps(event["ops"]))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as refused:
        sys.exit(f"{refused.code}: {refused}")
