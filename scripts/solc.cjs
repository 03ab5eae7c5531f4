#!/usr/bin/env node
// The npm solc (WebAssembly) behind the command line of the native compiler, as far as forge calls it:
// `--version`, and `--standard-json` with all sources inline on stdin. forge then needs no download.
const { readFileSync, writeSync } = require('node:fs')
const solc = require('solc')

/** Writes everything, also to a pipe that takes only a part at a time. */
function writeAll(text) {
  const bytes = Buffer.from(text)
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(1, bytes, offset)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}

if (process.argv.includes('--version')) {
  writeAll(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`)
} else if (process.argv.includes('--standard-json')) {
  writeAll(solc.compile(readFileSync(0, 'utf8')))
} else {
  process.stderr.write('error: this wrapper knows --version and --standard-json only\n')
  process.exit(1)
}
