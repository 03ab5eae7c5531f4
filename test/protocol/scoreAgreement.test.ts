import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../../src/base/hex.js'
import { hammingDistance, scoresAgree } from '../../src/protocol/scoreAgreement.js'

const block = (text: string) => `0x${text}` as const

describe('agreement of scores', () => {
  it.each([
    ['0000000000000000', '0000000000000000', true],
    ['0000000000000000', '000000000000000f', true], // 4 bits
    ['0000000000000000', '000000000000001f', false], // 5 bits: the threshold itself
    ['00000000000000000000000000000000', '000000000000000f000000000000000f', true], // 4 in each block
    ['00000000000000000000000000000000', '0000000000000000000000000000001f', false], // one block too far
    ['0000000000000000', '00000000000000000000000000000000', false], // another number of pictures
  ] as const)('%s and %s: %s', (a, b, expected) => {
    expect(scoresAgree('image', block(a), block(b))).toBe(expected)
  })

  it('takes texts by equality only', () => {
    const score = block('ab'.repeat(32))
    expect(scoresAgree('text', score, block('AB'.repeat(32)))).toBe(true)
    expect(scoresAgree('text', score, block(`${'ab'.repeat(31)}aa`))).toBe(false)
  })

  it('is symmetric and reflexive', () => {
    const score = fc.uint8Array({ minLength: 16, maxLength: 16 })
    fc.assert(
      fc.property(score, score, (a, b) => {
        const [x, y] = [bytesToHex(a), bytesToHex(b)]
        expect(scoresAgree('image', x, x)).toBe(true)
        expect(scoresAgree('image', x, y)).toBe(scoresAgree('image', y, x))
        expect(hammingDistance(a, b)).toBe(hammingDistance(b, a))
      }),
    )
  })
})
