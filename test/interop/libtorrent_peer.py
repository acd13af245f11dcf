#!/usr/bin/python3
"""libtorrent behind the interop tests: makes torrents, and is a peer on loopback.

  version
  make FORMAT PATH OUT PIECE_LENGTH     FORMAT: v1, hybrid or v2
  peer JSON                             keys: mode torrent magnet dir port dialPort (see test/interop/peer.ts)

A peer prints READY, then DONE once everything is verified and flushed, and ends when its input closes.
"""
import json
import os
import sys
import threading
import time

import libtorrent as lt

QUIET = {
    'enable_dht': False,
    'enable_lsd': False,
    'enable_upnp': False,
    'enable_natpmp': False,
    'enable_incoming_utp': False,
    'enable_outgoing_utp': False,
    'in_enc_policy': int(lt.enc_policy.pe_disabled),
    'out_enc_policy': int(lt.enc_policy.pe_disabled),
    'allow_multiple_connections_per_ip': True,
    'min_reconnect_time': 1,
    'alert_mask': lt.alert.category_t.error_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.peer_notification
    | lt.alert.category_t.status_notification
    | lt.alert.category_t.connect_notification,
}
REDIAL_S = 1.0


def say(line):
    print(line, flush=True)


def make(form, path, out, piece_length):
    storage = lt.file_storage()
    lt.add_files(storage, path)
    flags = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}[form]
    torrent = lt.create_torrent(storage, piece_size=int(piece_length), flags=flags)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(out, 'wb') as file:
        file.write(lt.bencode(torrent.generate()))


def params_of(options):
    if options.get('magnet'):
        params = lt.parse_magnet_uri(options['magnet'])
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(options['torrent'])
    params.save_path = options['dir']
    params.flags = lt.torrent_flags.default_flags & ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
    return params


def flushed(session, handle):
    handle.flush_cache()
    while True:
        session.wait_for_alert(1000)
        if any(isinstance(alert, lt.cache_flushed_alert) for alert in session.pop_alerts()):
            return


def peer(options):
    session = lt.session({**QUIET, 'listen_interfaces': '127.0.0.1:%d' % options['port']})
    handle = session.add_torrent(params_of(options))
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    ready = done = False
    dialled = 0.0
    while True:
        status = handle.status()
        if not ready and (options['mode'] == 'leech' or status.is_seeding):
            ready = True
            say('READY')
        if ready and not done and status.is_seeding:
            done = True
            flushed(session, handle)
            say('DONE')
        if ready and options.get('dialPort') and not status.num_peers and time.time() - dialled > REDIAL_S:
            dialled = time.time()
            handle.connect_peer(('127.0.0.1', options['dialPort']))
        for alert in session.pop_alerts():
            say('%s: %s' % (alert.what(), alert.message()))
        time.sleep(0.02)


if __name__ == '__main__':
    command, rest = sys.argv[1], sys.argv[2:]
    if command == 'version':
        say(lt.version)
    elif command == 'make':
        make(*rest)
    else:
        peer(json.loads(rest[0]))
