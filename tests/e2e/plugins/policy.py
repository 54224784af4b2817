#!/usr/bin/env python3
# A write-policy plugin as people write them for strfry. The content of an event says how it shall behave; PLUGIN_LOG is where it writes what it was asked.
import json
import os
import sys
import time

log = os.environ.get('PLUGIN_LOG')
print('a plugin that prints what nobody asked for', flush=True)
print('hello from standard error', file=sys.stderr, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    event = request['event']
    content = event['content']
    if log:
        with open(log, 'a') as f:
            f.write(json.dumps({**request, 'pid': os.getpid(), 'secrets': [n for n in os.environ if 'PASSWORD' in n or 'TOKEN' in n]}) + '\n')
    reply = {'id': event['id'], 'action': 'accept'}
    word, _, rest = content.partition(' ')
    if word == 'reject':
        reply = {**reply, 'action': 'reject', 'msg': rest}
    elif word == 'silently':
        reply = {'id': event['id'], 'action': 'reject'}
    elif word == 'shadow':
        reply['action'] = 'shadowReject'
    elif word == 'slow':
        time.sleep(0.3)
    elif word == 'hang':
        time.sleep(60)
    elif word == 'crash':
        os._exit(3)
    elif word == 'garbage':
        print('{"id": not json', flush=True)
    elif word == 'nonsense':
        reply['action'] = 'perhaps'
    elif word == 'other':
        reply['id'] = '0' * 64
    elif word == 'huge':
        print('x' * 200000, flush=True)
        continue
    elif word == 'number':
        reply['msg'] = 7
    print(json.dumps(reply), flush=True)
