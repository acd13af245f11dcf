// Goal: never earlier than a tracker asks, never never; later after each failure; tiers as BEP 12 orders
// them.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Random } from '../base/world.ts'
import { mayUseOrigin, type PeerOrigin } from './policy.ts'
import { intervalMs, minIntervalMs, retryMs, SCHEDULE_DEFAULTS } from './schedule.ts'
import { eventFor, newTracker, noteAccepted, noteRefusal } from './standing.ts'
import { TRACKERS_MAX, TrackerTiers } from './tiers.ts'

const { intervalMinMs, intervalMaxMs, retryMinMs, retryMaxMs } = SCHEDULE_DEFAULTS

test('intervals are what was asked, within bounds, plus at most a tenth', () => {
  equal(intervalMs({ intervalS: 1800 }, SCHEDULE_DEFAULTS, 0), 1_800_000)
  equal(intervalMs({ intervalS: 1800, minIntervalS: 3600 }, SCHEDULE_DEFAULTS, 0), 3_600_000)
  equal(intervalMs({ intervalS: 0 }, SCHEDULE_DEFAULTS, 0), intervalMinMs)
  equal(intervalMs({ intervalS: 0xffff_ffff }, SCHEDULE_DEFAULTS, 0), intervalMaxMs)
  equal(intervalMs({ intervalS: 100 }, SCHEDULE_DEFAULTS, 0.5), 105_000)
  equal(minIntervalMs({ intervalS: 1800, minIntervalS: 300 }, SCHEDULE_DEFAULTS), 300_000)
  equal(minIntervalMs({ intervalS: 1800 }, SCHEDULE_DEFAULTS), 1_800_000)
  equal(minIntervalMs({ intervalS: 1800, minIntervalS: 0 }, SCHEDULE_DEFAULTS), intervalMinMs)
})

test('retries double up to an hour, keep to what the tracker said, and "never" is never', () => {
  deepEqual(
    [1, 2, 3].map((failures) => retryMs(failures, undefined, SCHEDULE_DEFAULTS, 0)),
    [1, 2, 4].map((n) => n * retryMinMs),
  )
  equal(retryMs(1000, undefined, SCHEDULE_DEFAULTS, 0), retryMaxMs)
  equal(retryMs(1, 600, SCHEDULE_DEFAULTS, 0), 600_000)
  equal(retryMs(1, 1e9, SCHEDULE_DEFAULTS, 0), intervalMaxMs)
  equal(retryMs(1, Number.POSITIVE_INFINITY, SCHEDULE_DEFAULTS, 0), Number.POSITIVE_INFINITY)
  const tracker = newTracker('http://t.example/announce', [])
  noteRefusal(
    tracker,
    { code: 'TRACKER_REFUSED', message: 'no', retryInS: Number.POSITIVE_INFINITY },
    SCHEDULE_DEFAULTS,
    5,
    0,
  )
  equal(tracker.status.state, 'refused-for-good')
})

const fixed = (fraction: number): Random => ({
  fraction: () => fraction,
  bytes: (length) => new Uint8Array(length),
})

test('tiers keep their order, lists within them are shuffled, repeats and surplus are left out', () => {
  const tiers = [['a', 'b', 'c'], [], ['b', 'd']]
  deepEqual(new TrackerTiers(tiers, fixed(0.999)).order(), ['a', 'b', 'c', 'd'])
  deepEqual(new TrackerTiers(tiers, fixed(0)).order(), ['b', 'c', 'a', 'd'])
  deepEqual(new TrackerTiers(tiers, fixed(0.999), 2).order(), ['a', 'b'])
  const many = Array.from({ length: 5000 }, (_, i) => [`t${i}`])
  equal(new TrackerTiers(many, fixed(0)).order().length, TRACKERS_MAX)
})

test('the example of BEP 12: who answers comes to the front of its tier, others keep their order', () => {
  const tiers = new TrackerTiers([['tracker1', 'tracker2', 'tracker3'], ['backup']], fixed(0.999))
  tiers.answered('tracker2')
  deepEqual(tiers.order(), ['tracker2', 'tracker1', 'tracker3', 'backup'])
  tiers.answered('tracker3')
  deepEqual(tiers.order(), ['tracker3', 'tracker2', 'tracker1', 'backup'])
  tiers.answered('backup')
  tiers.answered('stranger')
  equal(tiers.order().length, 4)
})

test('a shuffle loses nothing', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string(), { maxLength: 20 }),
      fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }),
      (urls, chances) => {
        let i = 0
        const random: Random = { ...fixed(0), fraction: () => chances[i++ % chances.length]! }
        deepEqual(new TrackerTiers([urls], random).order().sort(), [...urls].sort())
      },
    ),
  )
})

test('events: started until heard, completed once and if something was left, paused while partial', () => {
  const [standing] = newTracker('udp://t.example:1', [new Uint8Array(20)]).standings
  const progress = { uploaded: 0, downloaded: 0, left: 1 }
  const answer = { intervalS: 1, peers: [] }
  equal(eventFor(standing!, progress, true), 'started')
  noteAccepted(standing!, 'started', progress, answer)
  equal(eventFor(standing!, progress, false), undefined)
  equal(eventFor(standing!, progress, true), undefined)
  equal(eventFor(standing!, { ...progress, partialSeed: true }, false), 'paused')
  equal(eventFor(standing!, { ...progress, left: 0 }, true), 'completed')
  noteAccepted(standing!, 'completed', { ...progress, left: 0 }, answer)
  equal(eventFor(standing!, { ...progress, left: 0, partialSeed: true }, true), undefined)
})

test('a private torrent has its tracker, those it sends, and whom the user names (BEP 27)', () => {
  const origins: PeerOrigin[] = ['tracker', 'dht', 'pex', 'lsd', 'magnet', 'named', 'incoming']
  const allowed = origins.filter((origin) => mayUseOrigin({ private: true }, origin))
  deepEqual(allowed, ['tracker', 'named', 'incoming'])
  ok(origins.every((origin) => mayUseOrigin({ private: false }, origin)))
})
