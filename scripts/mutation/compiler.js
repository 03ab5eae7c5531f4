// A thread that compiles contracts without optimizer: {path, text, contracts} in, the artifacts' code by contract out, or null
// when it does not compile. `text` replaces the file at `path`; only contracts that use that file are compiled.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import solc from 'solc'

const { folder } = workerData

parentPort.on('message', ({ path, text, contracts }) => parentPort.postMessage(compile(path, text, contracts)))

function compile(path, text, contracts) {
  const users = text === undefined ? contracts : contracts.filter((name) => uses(`contracts/${name}.sol`, path))
  const files = users.map((name) => `contracts/${name}.sol`)
  const read = (file) =>
    file === path && text !== undefined ? text : readFileSync(join(folder, located(file)), 'utf8')
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(files.map((file) => [file, { content: read(file) }])),
    settings: {
      optimizer: { enabled: false },
      evmVersion: 'cancun',
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: Object.fromEntries(
        users.map((name) => [
          `contracts/${name}.sol`,
          {
            [name]: ['evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.deployedBytecode.immutableReferences'],
          },
        ]),
      ),
    },
  }
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: (file) => ({ contents: read(file) }) }))
  if (output.errors?.some(({ severity }) => severity === 'error')) return null
  return Object.fromEntries(
    users.map((name) => {
      const { bytecode, deployedBytecode } = output.contracts[`contracts/${name}.sol`][name].evm
      return [
        name,
        {
          bytecode: { object: `0x${bytecode.object}`, sourceMap: '', linkReferences: {} },
          deployedBytecode: {
            object: `0x${deployedBytecode.object}`,
            sourceMap: '',
            linkReferences: {},
            immutableReferences: deployedBytecode.immutableReferences,
          },
        },
      ]
    }),
  )
}

/** Whether a source imports a file, also through others. */
function uses(file, wanted, seen = new Set()) {
  if (file === wanted) return true
  if (seen.has(file) || !file.startsWith('contracts/')) return false
  seen.add(file)
  const source = readFileSync(join(folder, file), 'utf8')
  return [...source.matchAll(/from "(\.[^"]+)"/g)].some(([, relative]) =>
    uses(join(file, '..', relative), wanted, seen),
  )
}

/** foundry.toml's remappings. */
function located(file) {
  if (file.startsWith('@openzeppelin/')) return `node_modules/${file}`
  if (file.startsWith('solady/')) return `node_modules/solady/src/${file.slice('solady/'.length)}`
  return file
}
