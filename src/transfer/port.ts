/**
 * One source's handle on a transfer. See `SourcePort` for what each call means.
 *
 * @module
 */
import { assert } from '../base/assert.ts'
import { BLOCK_BYTES } from '../content/layout.ts'
import { Bitfield } from './bitfield.ts'
import type { TransferCore } from './core.ts'
import { ARRIVING, NOBODY, REQUESTED } from './slots.ts'
import type { SourcePort } from './source.ts'
import type { SourceState } from './source-state.ts'
import { REFUSAL_BACKOFF_MS, REFUSALS_MAX, type Supervisor } from './supervisor.ts'

export function createPort(core: TransferCore, supervisor: Supervisor, state: SourceState): SourcePort {
  return {
    id: state.id,
    arena: core.arena,
    ...possession(core, supervisor, state),
    ...requests(core, supervisor, state),
    get interesting() {
      return state.attached && state.useful > 0 && isAffordable(core, state)
    },
    setTerms({ priceWeiPerMib = state.priceWeiPerMib, reputation = state.reputation }) {
      state.priceWeiPerMib = priceWeiPerMib
      state.reputation = reputation
      core.roster.rank()
    },
    setReady(ready) {
      if (!state.attached || state.ready === ready) return
      state.ready = ready
      state.backoffUntilMs = 0
      if (ready) return
      state.hungrySinceMs = -1
      supervisor.disown(state)
      supervisor.wake()
    },
    detach() {
      supervisor.detach(state)
      supervisor.wake()
    },
  }
}

const isAffordable = ({ settings }: TransferCore, { priceWeiPerMib }: SourceState): boolean =>
  settings.maxPriceWeiPerMib === undefined || priceWeiPerMib <= settings.maxPriceWeiPerMib

type Possession = Pick<SourcePort, 'setHave' | 'setHaveAll' | 'have'>

function possession({ map, settings }: TransferCore, supervisor: Supervisor, state: SourceState): Possession {
  const { pieceCount } = settings.layout
  const replace = (bits: Bitfield): void => {
    if (!state.attached) return
    for (let piece = 0; piece < pieceCount && !state.isSeed; piece++)
      if (state.bits.has(piece)) map.decrease(piece)
    state.bits = bits
    state.isSeed = bits.isFull
    state.useful = 0
    for (let piece = 0; piece < pieceCount; piece++) {
      if (!bits.has(piece)) continue
      if (!state.isSeed) map.increase(piece)
      if (map.isMissing(piece)) state.useful++
    }
  }
  return {
    setHave(bits) {
      assert(bits.length === pieceCount, 'a bitfield of this share')
      replace(Bitfield.decode(bits.bytes, pieceCount))
    },
    setHaveAll: () => replace(Bitfield.full(pieceCount)),
    have(piece) {
      if (!state.attached || piece < 0 || piece >= pieceCount || !state.bits.set(piece)) return
      map.increase(piece)
      if (!map.isMissing(piece)) return
      state.useful++
      if (map.isCandidate(piece)) supervisor.wakeOne(state)
    },
  }
}

type Requests = Pick<SourcePort, 'pick' | 'place' | 'received' | 'release' | 'releaseAll'>

function requests(core: TransferCore, supervisor: Supervisor, state: SourceState): Requests {
  const { slots, picker, arena } = core
  const pieceLength = core.settings.layout.pieceLength
  return {
    pick(out, blocksMax) {
      if (!state.ready) return 0
      const allowed = core.state === 'running' && picker.nowMs >= state.backoffUntilMs
      const useful = allowed && state.useful > 0 && isAffordable(core, state)
      const count = useful ? picker.pick(state, out, blocksMax) : 0
      if (count === blocksMax) state.hungrySinceMs = -1
      else if (count > 0 || state.hungrySinceMs === -1) state.hungrySinceMs = picker.nowMs
      return count
    },
    place(piece, begin, length) {
      const index = slots.find(piece, begin, length)
      if (index === -1 || slots.requestOf(index, state.id) === -1) return -1
      // Another source is in the middle of this block: only one may write it (see Slots).
      if (slots.state[index] === REQUESTED) {
        slots.state[index] = ARRIVING
        if (slots.sender[2 * index] !== NOBODY && slots.sender[2 * index + 1] !== NOBODY) {
          supervisor.cancelOthers(index, state.id)
        }
      }
      const offset = slots.slotAt(index) * pieceLength + begin
      assert(offset + length <= arena.length, 'the block lies in the arena')
      return offset
    },
    received(piece, begin, length) {
      const index = slots.find(piece, begin, length)
      const request = index === -1 ? -1 : slots.requestOf(index, state.id)
      if (request === -1 || slots.state[index] !== ARRIVING) return
      slots.receive(request, state)
      const slot = slots.slotAt(index)
      const block = begin / BLOCK_BYTES
      const bytes = slots.padless[slot] === 1 ? length : slots.payloadBytes(slot, block, block + 1)
      state.receivedBytes += bytes
      state.rate.add(bytes)
      state.silences = 0
      state.refusals = 0
      state.lastProgressMs = picker.nowMs
      if (slots.pending[slot] === 0) supervisor.commit(slot)
    },
    release(piece, begin, length) {
      const index = slots.find(piece, begin, length)
      const request = index === -1 ? -1 : slots.requestOf(index, state.id)
      if (request === -1) return
      slots.drop(request, state)
      if (++state.refusals >= REFUSALS_MAX) state.backoffUntilMs = picker.nowMs + REFUSAL_BACKOFF_MS
      supervisor.disown(state)
      supervisor.wake()
    },
    releaseAll() {
      supervisor.releaseAll(state)
      supervisor.wake()
    },
  }
}
