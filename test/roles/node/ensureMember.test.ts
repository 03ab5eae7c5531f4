import { expect, it } from 'vitest'
import { silentLogger } from '../../../src/base/logger.js'
import { readNode } from '../../../src/chain/read/node.js'
import { pauseNode } from '../../../src/chain/write/pauseNode.js'
import { ensureMember } from '../../../src/roles/node/ensureMember.js'
import { deployTestNetwork, startAnvil, TEST_PARAMETERS, testBytes32 } from '../../helpers/anvil.js'

it('tells the chain of other hardware, if somebody said or found out what it is', async () => {
  const anvil = await startAnvil()
  try {
    const network = await deployTestNetwork(anvil)
    const chain = await network.writerFor()
    const start = (gpu: number, vramGb: number, hardwareIsKnown: boolean) =>
      ensureMember(
        { chain, logger: silentLogger },
        { gpuModel: testBytes32(gpu), vramGb, hardwareIsKnown, encryptionKey: testBytes32(9) },
      )
    const joined = { status: 'available', gpuModel: testBytes32(1), vramGb: 8 }
    expect(await start(1, 8, true)).toMatchObject(joined)
    expect(await start(2, 16, false)).toMatchObject(joined)
    expect(await start(2, 16, true)).toMatchObject({ status: 'available', gpuModel: testBytes32(2), vramGb: 16 })
    const { number } = await chain.client.getBlock()
    await start(2, 16, true)
    expect((await chain.client.getBlock()).number).toBe(number)
    // The chain allows a change now and then; a node that it knows as another must not serve meanwhile.
    await expect(start(3, 16, true)).rejects.toThrow('changed its hardware lately')
    await anvil.testClient.increaseTime({ seconds: TEST_PARAMETERS.unbondingSeconds })
    await anvil.testClient.mine({ blocks: 1 })
    await pauseNode(chain)
    expect(await start(3, 16, true)).toMatchObject({ status: 'available', gpuModel: testBytes32(3), vramGb: 16 })
    expect(await readNode(chain, { node: chain.account.address })).toMatchObject({ encryptionKey: testBytes32(9) })
  } finally {
    await anvil.stop()
  }
})
