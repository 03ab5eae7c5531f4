#!/usr/bin/env node
// Plain JavaScript, so that an old Node gets a sentence instead of a syntax error.
import module from 'node:module'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error: crynux needs Node.js 20.19 or newer; this is ${process.versions.node}\n`)
  process.exit(1)
}
module.enableCompileCache?.()
await import('../dist/cli.js')
