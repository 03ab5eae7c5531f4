import { describe, expect, it } from 'vitest'
import { divideNodes, NODE_FAULTS, parseNodeFault } from '../../../src/roles/devnet/nodeFaults.js'
import { FAULTS } from '../../../src/roles/node/faults.js'

describe('faults of nodes', () => {
  it('are those that a node knows', () => {
    expect(NODE_FAULTS).toEqual(FAULTS)
  })

  it('are written as number=fault', () => {
    expect(parseNodeFault('3=wrong-result')).toEqual([3, 'wrong-result'])
    expect(parseNodeFault('12=silent')).toEqual([12, 'silent'])
  })

  it.each(['', '3', 'silent', '3=lazy', '0=silent', '-1=silent', '3=silent ', '3 =silent'])('refuses %j', (text) => {
    expect(() => parseNodeFault(text)).toThrow(`'${text}' is not a fault`)
  })
})

describe('the nodes that serve first', () => {
  const divide = (nodes: number, ...faulty: number[]) =>
    divideNodes({ nodes, faults: new Map(faulty.map((number) => [number, 'silent'])) })

  it('are all without faults', () => {
    expect(divide(5)).toEqual({ first: [1, 2, 3, 4, 5], spare: [] })
  })

  it('are the faulty ones and enough honest ones for one task', () => {
    expect(divide(4, 3)).toEqual({ first: [1, 2, 3], spare: [4] })
    expect(divide(4, 4)).toEqual({ first: [1, 2, 4], spare: [3] })
    expect(divide(6, 1, 2)).toEqual({ first: [1, 2, 3], spare: [4, 5, 6] })
    expect(divide(5, 1, 2, 3, 4)).toEqual({ first: [1, 2, 3, 4], spare: [5] })
  })

  it('must exist, and be three at least', () => {
    expect(() => divide(3, 4)).toThrow('node 4 is to be faulty, but there are only 3 nodes')
    expect(() => divide(2)).toThrow('a devnet of 2 nodes is not possible')
    expect(() => divide(Number.NaN)).toThrow('is not possible')
  })
})
