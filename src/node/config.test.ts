// Goal: a wrong config is refused by name, and the printed file reads back as the same settings.
import { deepEqual, match, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'smol-toml'
import { defaultConfig, formatConfig, parseConfig } from './config.ts'

test('the printed file reads back the same', () => {
  const config = parseConfig({ auto_seed: true, money: { price_wei_per_mib: '12345678901234567890' } })
  deepEqual(parseConfig(parse(formatConfig(config))), config)
})

test('every key has a line of help', () => {
  const lines = formatConfig(defaultConfig()).split('\n')
  lines.forEach((line, i) => {
    if (/^\w+ = /.test(line)) match(lines[i - 1]!, /^# \S/)
  })
})

for (const [name, document] of Object.entries({
  'an unknown key': { bittorent: {} },
  'an unknown inner key': { http: { prot: 1 } },
  'a port out of range': { http: { port: 70_000 } },
  'a price with a fraction': { money: { price_wei_per_mib: '1.5' } },
  'a contract that is no address': { money: { channel_contract: '0x12' } },
  'a policy we do not have': { tally: { peers_without: 'slots many' } },
})) {
  test(`refuses ${name}`, () => throws(() => parseConfig(document), { code: 'BAD_CONFIG' }))
}
