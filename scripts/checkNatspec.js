// Are the contracts documented for those who call them? Reads the compiler's syntax tree and prints what is missing, one line
// each; ends with 1 when there is anything. Checked:
// - every external or public function, public variable, event, error, contract, library, interface, and every struct and enum
//   of an interface has a @notice (its own, or the one it inherits);
// - every function that changes state says who may call it;
// - every number says its unit: by its name (feeWei, timeoutSeconds, vramGb), or by words: a @param or @return, or the text;
// - every other parameter has a name that says what it is, or words;
// - nothing is refused with a string: custom errors only.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import solc from 'solc'

const root = fileURLToPath(new URL('..', import.meta.url))

/** How a text says who may call. */
const SAYS_WHO = /\b(anyone|nobody|only|owner|caller|creator|uploader|drawn node|admin power|TaskConsensus)\b/i
/** Names, or ends of names, that say in which unit a number is. `lower`, `upper` and `expected` are of the unit of what is refused. */
const UNITS =
  /(wei|seconds|gb|basispoints|bits|bytes|deadline|until|at|timestamp|block|blocknumber|count|size|length|slot|lower|upper|expected)_?$/i
/** Names that say all there is to say, whatever the type. */
const PLAIN = new Set([
  ...[
    'node',
    'nodes',
    'wallet',
    'wallets',
    'account',
    'creator',
    'relay',
    'signer',
    'signers',
    'uploader',
    'beneficiary',
  ],
  ...[
    'beneficiaries',
    'owner',
    'initialOwner',
    'token',
    'registry',
    'consensus',
    'incentivePool',
    'caller',
    'to',
    'url',
  ],
  ...['taskId', 'taskKey', 'kind', 'state', 'status', 'reason', 'request', 'resultDigest', 'argsHash', 'gpuModel'],
  ...[
    'encryptionKey',
    'commitment',
    'outcome',
    'score',
    'salt',
    'relaySignature',
    'seed',
    'action',
    'actions',
    'sameGpu',
  ],
  ...['v', 'r', 's'], // of a signature
])

const sources = Object.fromEntries(
  readdirSync(join(root, 'contracts'), { recursive: true, withFileTypes: true })
    // Scripts are not deployed.
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sol') && !entry.name.endsWith('.s.sol'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [relative(root, path).replaceAll('\\', '/'), { content: readFileSync(path, 'utf8') }]),
)
const { sources: parsed, errors = [] } = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: 'Solidity',
      sources,
      settings: { stopAfter: 'parsing', outputSelection: { '*': { '': ['ast'] } } },
    }),
  ),
)
const paths = Object.fromEntries(Object.entries(parsed).map(([path, { id }]) => [id, path]))
const missing = errors.map(({ formattedMessage }) => formattedMessage)
const contracts = new Map()
for (const [path, { ast }] of Object.entries(parsed)) {
  for (const node of ast.nodes) {
    if (node.nodeType === 'ContractDefinition') contracts.set(node.name, { path, node })
  }
}

let items = 0
for (const { path, node: contract } of contracts.values()) {
  const report = reporter(path)
  if (!documentationOf(contract)?.notice) report(contract, `${contract.name} has no @notice`)
  for (const member of contract.nodes) checkMember(contract, member, report)
}
for (const [path, { ast }] of Object.entries(parsed)) visit(ast, reporter(path))

process.stdout.write(missing.map((line) => `${line}\n`).join(''))
process.stdout.write(`natspec: ${items} external items in ${contracts.size} contracts, ${missing.length} remarks\n`)
process.exitCode = missing.length === 0 ? 0 : 1

function checkMember(contract, member, report) {
  const name = `${contract.name}.${member.name || member.kind}`
  const words = { forAll: saysForAll(contract), ...documentationOf(member) }
  if (member.nodeType === 'FunctionDefinition') {
    if (!['external', 'public'].includes(member.visibility) && member.kind !== 'constructor') return
    if (member.kind === 'constructor' && member.parameters.parameters.length === 0) return
    ++items
    if (!words?.notice) report(member, `${name} has no @notice`)
    const changes = member.stateMutability === 'nonpayable' || member.stateMutability === 'payable'
    if (changes && member.kind !== 'constructor' && !SAYS_WHO.test(`${words?.text} ${words?.forAll}`)) {
      report(member, `${name} does not say who may call it`)
    }
    for (const parameter of member.parameters.parameters) checkValue(name, parameter, words, report)
    for (const value of member.returnParameters.parameters) {
      // A single value without a name is what the function is named for.
      if (value.name) checkValue(name, value, words, report)
      else if (isNumber(value) && !saysUnit(member.name, words)) report(member, `${name} does not say its unit`)
    }
  } else if (member.nodeType === 'VariableDeclaration' && member.visibility === 'public') {
    ++items
    if (!words?.notice) report(member, `${name} has no @notice`)
    else if (isNumber(member) && !saysUnit(member.name, words)) {
      report(member, `${name} does not say its unit`)
    }
  } else if (member.nodeType === 'EventDefinition' || member.nodeType === 'ErrorDefinition') {
    ++items
    if (!words?.notice) report(member, `${name} has no @notice`)
    for (const parameter of member.parameters.parameters) checkValue(name, parameter, words, report)
  } else if (contract.contractKind === 'interface' && /^(Struct|Enum)Definition$/.test(member.nodeType)) {
    ++items
    if (!words?.notice) report(member, `${name} has no @notice`)
  }
}

/** A parameter or a returned value: a plain name, a unit in the name, or words. */
function checkValue(name, value, words, report) {
  if (!value.name) return report(value, `${name} has a parameter without a name`)
  if (new RegExp(`@(param|return) ${value.name}\\b|\`${value.name}\``).test(words?.text ?? '')) return
  if (isNumber(value) ? saysUnit(value.name, words) : PLAIN.has(value.name) || !isElementary(value)) return
  report(value, `${name}: nothing says what \`${value.name}\` is${isNumber(value) ? ', and in which unit' : ''}`)
}

function saysUnit(name, words) {
  return (
    UNITS.test(name) ||
    PLAIN.has(name) ||
    /\b(in wei|seconds|GB|hundredths|bits|number of)\b/i.test(words?.notice ?? '')
  )
}

function isNumber({ typeName }) {
  const { name = '' } = typeName.baseType ?? typeName
  return /^u?int/.test(name)
}

/** Structs, enums and contracts are documented where they are defined. */
function isElementary({ typeName }) {
  return (typeName.baseType ?? typeName).nodeType === 'ElementaryTypeName'
}

/** What is written at an item, or at the one it inherits its words from. */
function documentationOf(node) {
  if (node === undefined) return undefined
  const text = node.documentation?.text ?? commentAbove(node)
  if (text === undefined) return undefined
  const [, from] = /@inheritdoc (\w+)/.exec(text) ?? []
  if (from !== undefined) {
    const parent = contracts.get(from)?.node
    const inherited = documentationOf(parent?.nodes.find((other) => other.name === node.name))
    return inherited && { ...inherited, text: `${inherited.text}\n${text}`, forAll: saysForAll(parent) }
  }
  const tags = text.split(/(?=^\s*@\w)/m).map((part) => part.trim())
  const notice = tags.filter((part) => /^@notice /.test(part) || !part.startsWith('@')).join(' ')
  // What a library is for may be all in its title.
  const title = node.contractKind === 'library' && /@title (.+)/.exec(text)?.[1]
  return { text, notice: notice.replace(/^@notice /, '') || title || '' }
}

/** The parser keeps no comments of variables. */
function commentAbove(node) {
  const lines = before(node).split('\n').slice(0, -1)
  const first = lines.findLastIndex((line) => !/^\s*\/\/\//.test(line)) + 1
  const comment = lines.slice(first).map((line) => line.replace(/^\s*\/\/\/ ?/, ''))
  return comment.length === 0 ? undefined : comment.join('\n')
}

/** The source up to an item. */
function before(node) {
  const [offset, , file] = node.src.split(':').map(Number)
  return Buffer.from(sources[paths[file]].content).subarray(0, offset).toString()
}

/** "Only … may call" of a whole contract. */
function saysForAll(contract) {
  return /Only [^.]+ may call[^.]*\./.exec(contract?.documentation?.text ?? '')?.[0] ?? ''
}

/** Strings in require and revert. */
function visit(node, report) {
  if (node === null || typeof node !== 'object') return
  if (Array.isArray(node)) {
    for (const child of node) visit(child, report)
    return
  }
  if (node.nodeType === 'FunctionCall' && ['require', 'revert'].includes(node.expression?.name)) {
    report(node, `${node.expression.name}(…): refuse with \`revert Errors.Contract_What(facts)\``)
  }
  for (const child of Object.values(node)) visit(child, report)
}

function reporter(path) {
  return (node, text) => {
    missing.push(`${path}:${before(node).split('\n').length}: ${text}`)
  }
}
