# SPDX-License-Identifier: Apache-2.0
"""`triaged outbox`: what people see of the outbox and do about it, on a store of its own and beside a running server."""
import json
import os
import sqlite3
import subprocess
import time

import pytest

from server import BINARY, SLOW, Server


def run(data_dir, *words):
    return subprocess.run([str(BINARY), 'outbox', *words, '--data-dir', str(data_dir)], capture_output=True, text=True, timeout=30 * SLOW,
                          env={k: v for k, v in os.environ.items() if not k.startswith('TRIAGED_')})


def listed(data_dir, *words):
    done = run(data_dir, 'list', '--json', *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def fill(data_dir):
    """Two connectors; of one message the second entry waits behind the first; one is dead."""
    assert run(data_dir, 'list').returncode == 0
    db = sqlite3.connect(data_dir / 'triaged.db')
    row = ('INSERT INTO outbox(connector, event, message_row, created_at, queued_at, due_at, state, attempts, is_unknown,'
           ' last_error, payload) VALUES(?,?,?,1000,%d,?,?,?,0,?,?)' % (time.time() * 1000))
    db.executemany(row, [
        ('tracker', 'ticket.created', 1, 1000, 'pending', 0, None, '{}'),
        ('tracker', 'review.created', 1, None, 'pending', 0, None, '{}'),
        ('pager', 'review.created', 2, None, 'dead', 10, 'HTTP 400', '{}')])
    db.commit()
    db.close()


@pytest.fixture(params=['alone', 'beside a server'])
def data_dir(request, tmp_path):
    folder = tmp_path / 'data'
    fill(folder)
    if request.param == 'alone':
        yield folder
    else:
        server = Server(tmp_path, data_dir=folder).start()
        yield folder
        server.stop()


def test_a_list_says_what_waits_and_why_what_is_dead_is_dead(data_dir):
    entries = listed(data_dir)
    assert [(e['connector'], e['state'], e['due_at'] is None) for e in entries] == [
        ('tracker', 'pending', False), ('tracker', 'pending', True), ('pager', 'dead', True)]
    assert [e['last_error'] for e in listed(data_dir, '--state', 'dead')] == ['HTTP 400']
    assert listed(data_dir, '--connector', 'nobody') == []
    assert 'HTTP 400' in run(data_dir, 'list', '--connector', 'pager').stdout


def test_a_dead_letter_is_tried_again_from_the_first_attempt_on(data_dir):
    dead = listed(data_dir, '--state', 'dead')[0]
    assert run(data_dir, 'retry', dead['id']).stdout == '1 due now\n'
    again = listed(data_dir, '--connector', 'pager')[0]
    assert (again['state'], again['attempts'], again['id']) == ('pending', 0, dead['id'])
    assert run(data_dir, 'retry', 'all', '--connector', 'pager').stdout == '0 due now\n'


def test_what_is_dropped_lets_the_next_one_of_its_message_go(data_dir):
    first, second = listed(data_dir, '--connector', 'tracker')
    assert run(data_dir, 'drop', first['id']).returncode == 0
    assert [(e['id'], e['due_at'] is None) for e in listed(data_dir, '--connector', 'tracker')] == [(second['id'], False)]
    gone = run(data_dir, 'drop', first['id'])
    assert gone.returncode == 1 and 'it may have been delivered' in gone.stderr


def test_wrong_use_is_told_with_the_remedy(data_dir):
    for words, expected in [((), 'list, retry or drop'), (('drop', 'tkt_1'), 'out_ and 26 characters'),
                            (('list', '--state', 'lost'), 'pending or dead'),
                            (('retry', 'out_1', '--connector', 'x'), 'goes with `retry all`')]:
        done = run(data_dir, *words)
        assert done.returncode in (1, 2) and expected in done.stderr
