"""perfetto.py PARENT LOG < `protoc --decode` of a Perfetto trace: checks it against the numbers of the processes that PARENT logged as its children, one a line.

Each must have a track of its own (a thread of that number), a fork on the parent's track with a flow to the beginning of its life, an exec, and an exit; and the
slices of every track must be nested."""
import sys
from collections import Counter


def packets(lines):
    """Each packet as the list of its lines."""
    packet = None
    for line in lines:
        if line.startswith('packet {'):
            packet = []
        elif line.startswith('}'):
            yield packet
        else:
            packet.append(line.rstrip())


def value(packet, key):
    """The outermost field of that name, as text; an event's name, say, not that of one of its annotations."""
    found = [line for line in packet if line.lstrip().startswith(key + ': ')]
    line = min(found, key=lambda s: len(s) - len(s.lstrip()), default=None)
    return line and line.lstrip()[len(key) + 2:].strip('"')


def main(parent, log):
    children = [int(line) for line in open(log)]
    events = list(packets(sys.stdin))
    tracks = {}  # by tid; the tracks come first
    for p in events:
        if '    thread {' in p:
            tracks[int(value(p, 'tid'))] = value(p, 'uuid')
    mother = tracks[int(parent)]
    begins = [p for p in events if value(p, 'type') == 'TYPE_SLICE_BEGIN']
    forks = {value(p, 'flow_ids') for p in begins if value(p, 'track_uuid') == mother and value(p, 'flow_ids')}
    lives = {value(p, 'track_uuid') for p in begins if value(p, 'terminating_flow_ids') == value(p, 'track_uuid') and value(p, 'categories') == 'life'}
    execs = Counter(value(p, 'track_uuid') for p in begins if (value(p, 'name') or '').startswith('exec ') and not value(p, 'name').endswith(' failed'))
    exits = Counter(value(p, 'track_uuid') for p in events if value(p, 'type') == 'TYPE_INSTANT' and value(p, 'name') == 'exit')
    for tid in children:
        track = tracks.get(tid)
        for what, ok in (('track', track), ('fork', track in forks), ('life', track in lives), ('exec', execs[track] == 1), ('exit', exits[track] == 1)):
            if not ok:
                return f'child {tid} has no {what}'
    if len(forks) != len(children):
        return f'{len(forks)} forks, not {len(children)}'
    depth, last = Counter(), 0
    for p in events:
        track, kind, ts = value(p, 'track_uuid'), value(p, 'type'), int(value(p, 'timestamp') or 0)
        if ts < last:
            return f'time goes backwards at {ts}'
        last = ts
        depth[track] += {'TYPE_SLICE_BEGIN': 1, 'TYPE_SLICE_END': -1}.get(kind, 0)
        if depth[track] < 0:
            return f'track {track}: an end without a beginning at {ts}'
    if any(depth.values()):
        return 'a slice without an end'
    return None


error = main(*sys.argv[1:])
if error:
    sys.exit(error)
