import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'

/** What the figures depend on, in one line; the load says whether the machine had anything else to do. */
export function machineLine() {
  const versions = ['onnxruntime-node', 'sharp'].map((name) => `${name} ${versionOf(name)}`)
  const load = loadavg()[0].toFixed(1)
  return [
    `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores (load ${load})`,
    `${process.platform} ${process.arch}`,
    `Node ${process.versions.node}`,
    ...versions,
  ].join('; ')
}

function versionOf(name) {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json')
  return JSON.parse(readFileSync(file, 'utf8')).version
}
