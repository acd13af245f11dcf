// Goal: a field is what was expected, absent, or a coded error.
import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import { decodeBencodeDict } from './bencode.ts'
import { bytesField, dictField, intField, listField, required, textField } from './bencode-fields.ts'

const dict = decodeBencodeDict(utf8('d1:b2:é1:dde1:ii-7e1:lle1:xi99999999999999999ee'))

test('reads each kind', () => {
  deepEqual(bytesField(dict, 'b', 2), utf8('é'))
  equal(textField(dict, 'b'), 'é')
  equal(intField(dict, 'i', { min: -10 }), -7)
  deepEqual(listField(dict, 'l'), [])
  deepEqual(dictField(dict, 'd'), new Map())
  equal(bytesField(dict, 'none'), undefined)
})

test('refuses other kinds, lengths, ranges and absence', () => {
  for (const read of [bytesField, textField, listField, dictField]) {
    throws(() => read(dict, 'i'), { name: 'DecodeError', code: 'FIELD_TYPE' })
  }
  throws(() => intField(dict, 'b'), { code: 'FIELD_TYPE' })
  throws(() => bytesField(dict, 'b', 3), { code: 'FIELD_LENGTH' })
  throws(() => intField(dict, 'i'), { code: 'FIELD_RANGE' })
  throws(() => intField(dict, 'x'), { code: 'FIELD_RANGE' })
  throws(() => textField(new Map([['t', Uint8Array.of(0xff)]]), 't'), { code: 'NOT_UTF8' })
  throws(() => required(undefined, 'key'), { code: 'FIELD_MISSING' })
})
