#!/usr/bin/python3
"""Makes the vectors of this folder with libtorrent (Debian: python3-libtorrent): python3 make.py

Data: byte i of a file is (i * 7 + i // 256 + seed) % 256, so that tests can make it again.
Writes NAME.torrent for each vector and vectors.json with the hashes that libtorrent computed.
"""
import json, os, tempfile
import libtorrent as lt

HERE = os.path.dirname(os.path.abspath(__file__))
TREES = {
    # name: (piece length, [(path, length, seed, executable)]) in the order of a v2 file tree
    'single': (16384, [('single', 70000, 1, False)]),
    'small': (32768, [('small', 10, 2, False)]),
    'tree': (16384, [
        ('a.bin', 100000, 3, False),
        ('empty.txt', 0, 0, False),
        ('run.sh', 20, 4, True),
        ('sub/b.bin', 40000, 5, False),
        ('sub/c.bin', 16384, 6, False),
        ('sub/deep/z', 5, 7, False),
    ]),
    'wide': (65536, [('big.bin', 65536 * 9 + 1, 8, False), ('twin.bin', 65536 * 9 + 1, 8, False)]),
    'lone': (16384, [('inside.bin', 40000, 9, False)]),
}
VERSIONS = {'v1': lt.create_torrent.v1_only, 'v2': lt.create_torrent.v2_only, 'hybrid': 0}


def write(path, length, seed, executable):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as out:
        out.write(bytes((i * 7 + i // 256 + seed) % 256 for i in range(length)))
    os.chmod(path, 0o755 if executable else 0o644)


def hexes(digest):
    text = str(digest)
    return None if set(text) == {'0'} else text


vectors = []
with tempfile.TemporaryDirectory() as root:
    for name, (piece_length, files) in TREES.items():
        folder = name not in ('single', 'small')
        storage = lt.file_storage()
        for path, length, seed, executable in files:
            inside = os.path.join(name, path) if folder else path
            write(os.path.join(root, inside), length, seed, executable)
            storage.add_file(inside, length, lt.file_flags_t.flag_executable if executable else 0)
        for version, flag in VERSIONS.items():
            if version == 'v2' and name == 'lone':
                continue  # BEP 52 reads a lone file in a folder as that file alone
            creator = lt.create_torrent(storage, piece_length, flags=flag)
            lt.set_piece_hashes(creator, root)
            entry = creator.generate()
            entry.pop(b'creation date', None)
            data = lt.bencode(entry)
            info = lt.torrent_info(lt.bdecode(data))
            file = f'{name}.{version}.torrent'
            with open(os.path.join(HERE, file), 'wb') as out:
                out.write(data)
            vectors.append({
                'file': file, 'name': name, 'version': version, 'folder': folder, 'pieceLength': piece_length,
                'infoHashV1': hexes(info.info_hashes().v1), 'infoHashV2': hexes(info.info_hashes().v2),
                'pieces': info.num_pieces(),
                'files': [dict(zip(('path', 'length', 'seed', 'executable'), f)) for f in files],
            })
with open(os.path.join(HERE, 'vectors.json'), 'w') as out:
    json.dump({'source': f'libtorrent {lt.__version__}, make.py', 'vectors': vectors}, out, indent=1)
    out.write('\n')
