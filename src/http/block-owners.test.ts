// Goal: judged bytes go to whoever brought them, once.
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { BlockOwners } from './block-owners.ts'

test('neighbours of one owner are joined, strangers are left out, nothing is given twice', () => {
  const owners = new BlockOwners<string>()
  for (const [begin, owner] of [
    [0, 'a'],
    [16_384, 'a'],
    [32_768, 'b'],
    [65_536, 'a'],
  ] as const)
    owners.set(3, begin, owner)
  deepEqual(owners.take(3, 0, 70_000), [
    { owner: 'a', begin: 0, length: 32_768 },
    { owner: 'b', begin: 32_768, length: 16_384 },
    { owner: 'a', begin: 65_536, length: 4_464 },
  ])
  deepEqual(owners.take(3, 0, 70_000), [])
  deepEqual(owners.take(9, 0, 16_384), [])
})

test('a later bringer of the same block replaces the earlier', () => {
  const owners = new BlockOwners<string>()
  owners.set(0, 0, 'first')
  owners.set(0, 0, 'second')
  deepEqual(owners.take(0, 0, 100), [{ owner: 'second', begin: 0, length: 100 }])
})
